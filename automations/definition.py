"""Load an automation: from YAML text to an `Automation`, or to every problem in it at once.

The shape is pydantic's work, names and types are the catalogue's and CEL's. A problem in one step
never hides one in another.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from automations import checks
from automations.compiling import Compiler, lines_of
from automations.expressions import Expression
from automations.fields import ANY, Field, a_map, of_value
from automations.flowing import flow_of
from automations.known import Known
from automations.lacking import lacking
from automations.listening import Listening, triggers_of
from automations.naming import Names
from automations.parts import Automation as Automation
from automations.parts import Expect, Flow, Limits, Rate, Retry, Step
from automations.reading import Codes, validated
from automations.stepping import Stepping, home_of, retry_of
from automations.suspects import suspects
from automations.unfilled import unfilled
from automations.written import Automation as Written
from automations.written import Flow as WrittenFlow
from automations.written import Limits as WrittenLimits
from automations.written import Trigger as WrittenTrigger
from automations.written import is_name
from config import yamlfile
from config.problems import Problem, Problems, problem
from config.yamlfile import Node


def load(text: str, name: str, known: Known | None = None) -> Automation:
    """An automation from its YAML. `name` is how problems call the file.

    Raises: Problems with all that is wrong; warnings alone do not raise, they are in `.warnings`.
    """
    return _Loading(text, name, known or Known()).automation()


def reload(text: str, name: str) -> Automation:
    """One that was checked when it was put in force: what only advises its author is left out, so that many load fast.

    Raises: Problems when this code no longer reads it.
    """
    return _Loading(text, name, Known(), advises=False).automation()


class _Loading:
    """One file on its way; collects problems as it goes."""

    def __init__(self, text: str, name: str, known: Known, advises: bool = True):
        self.text, self.name, self.known, self.advises = text, name, known, advises
        self.found: list[Problem] = []

    def automation(self) -> Automation:
        node = yamlfile.parse(self.text, self.name)
        self._first_look(node)
        self.compiler = Compiler(self.text, self.found, _of_vars(node.at(["vars"]) if "vars" in node.value else None))
        self.found += [*suspects(node), *lacking(node)] if self.advises else []
        written, wrong = validated(Written, node, Codes(home=home_of))
        self.found += wrong
        given = _triggers(node, written)
        heard = triggers_of(node, given, self.known, self.compiler)
        names = self._names(node, heard, unsure=not given or len(heard.triggers) < len(given))
        lines = self._lines(node, names)
        flow = self._flow(node, written, names)
        alone = 0 < len(given) == len(heard.triggers) and not any(one.connector for one in heard.triggers)
        stepping = Stepping(names, self.known, self.compiler, needs_connector=alone)
        steps = {key: stepping.of(node, key) for key in ("do", "on_error", "finally")}
        share = self._share(node)
        self._add(unfilled(node))
        self._refuse()
        assert written is not None
        automation = self._whole(written, heard, lines, steps, flow, share)
        self.found += checks.found(node, automation, self.known) if self.advises else []
        self._refuse()
        return replace(automation, warnings=tuple(p for p in self.found if p.severity == "warning"))

    def _add(self, more: Iterable[Problem]) -> None:
        """What was not told of the same place already."""
        told = {(one.line, one.column) for one in self.found}
        self.found += [one for one in more if (one.line, one.column) not in told]

    def _refuse(self) -> None:
        if any(p.severity == "error" for p in self.found):
            raise Problems(dict.fromkeys(self.found), self.text)

    def _first_look(self, node: Node) -> None:
        """What makes all else meaningless is said alone."""
        if not isinstance(node.value, dict):
            self._alone(node.mark, "TB106", "an automation is a mapping; begin with format: 1")
        for key in ("on", "true", "True"):
            if key in node.keys:
                self._alone(node.keys[key], "TB114", f'"{key}:" is no key here; write when:', "when:")
        if "format" not in node.value:
            self._alone(node.mark, "TB107", 'the first line must be "format: 1"; add it', "format: 1")
        seen = node.value["format"]
        if seen.value != 1 or not isinstance(seen.value, int) or isinstance(seen.value, bool):
            self._alone(seen.mark, "TB107", "this version reads format 1; write format: 1", "1")

    def _alone(self, mark: Any, code: str, message: str, suggestion: str | None = None) -> None:
        raise Problems([problem(mark, code, message, suggestion=suggestion)], self.text)

    def _names(self, node: Node, heard: Listening, unsure: bool) -> Names:
        gathers = _has(node, "flow", "coalesce")
        return Names(heard.triggers, heard.records, self.compiler.variables, self.known, gathers=gathers, unsure=unsure)

    def _lines(self, node: Node, names: Names) -> tuple[Expression, ...]:
        found = [self.compiler.condition(line, names.of([line.value])) for line in lines_of(node.value.get("if"))]
        return tuple(one for one in found if one is not None)

    def _flow(self, node: Node, written: Written | None, names: Names) -> Flow:
        if "flow" not in node.value:
            return Flow()
        flow, _ = validated(WrittenFlow, node.at(["flow"]), Codes())
        limits, _ = validated(WrittenLimits, node.at(["limits"]), Codes()) if "limits" in node.value else (WrittenLimits(), [])
        if flow is None:
            return Flow()
        return flow_of(node, flow, names, _limits(limits or WrittenLimits(), None), self.compiler)

    def _share(self, node: Node) -> float | None:
        if not _has(node, "limits", "api_share"):
            return None
        seen = node.at(["limits", "api_share"])
        match = re.fullmatch(r"(\d{1,3})\s*%", seen.value) if isinstance(seen.value, str) else None
        if not isinstance(seen.value, str):
            return None  # its shape complains of that
        if match is None or not 1 <= int(match[1]) <= 100:
            self.compiler.wrong(seen.mark, "TB113", f'"{seen.value}" is no share; write a part of the hour, such as 60%', "60%")
            return None
        return int(match[1]) / 100

    def _whole(
        self, written: Written, heard: Listening, lines: tuple[Expression, ...], steps: dict[str, tuple[Step, ...]], flow: Flow,
        share: float | None,
    ) -> Automation:  # fmt: skip
        every = [one for listed in steps.values() for one in listed]
        named = {t.connector for t in heard.triggers if t.connector} | {
            str(s.values["connector"]) for s in every if isinstance(s.values.get("connector"), str)
        }
        watching = any(t.transition or t.where for t in heard.triggers if t.kind == "webhook")
        record = bool(self.compiler.roots & {"record", "previous", "changed"}) or watching
        return Automation(
            id=written.id, title=written.title or written.id, owner=written.owner, runbook=written.runbook, labels=written.labels,
            stage=written.stage, version=hashlib.sha256(self.text.encode()).hexdigest(), source=self.text, file=self.name,
            triggers=heard.triggers, lines=lines, cheap=tuple(n for n, e in enumerate(lines) if _cheap(e)), needs_record=record,
            steps=steps["do"], vars=written.vars, retry=retry_of(written.retry) or Retry(), connectors=tuple(sorted(named)),
            limits=_limits(written.limits, share), warnings=tuple(p for p in self.found if p.severity == "warning"), flow=flow,
            on_error=steps["on_error"], finally_=steps["finally"], tests=tuple(written.tests),
            expect=Expect(written.expect.success_every, written.expect.lag_p95),
        )  # fmt: skip


def _limits(written: WrittenLimits, share: float | None) -> Limits:
    usual = Limits()
    return Limits(
        written.timeout, written.api_calls, share, written.events,
        Rate(*written.writes) if written.writes else usual.writes, Rate(*written.deletes) if written.deletes else usual.deletes,
    )  # fmt: skip


def _has(node: Node, *keys: str) -> bool:
    here = node
    for key in keys:
        if not isinstance(here.value, dict) or key not in here.value:
            return False
        here = here.value[key]
    return True


def _triggers(node: Node, written: Written | None) -> list[WrittenTrigger | None]:
    """The written triggers, even when something else in the file is wrong; None for one that is wrong itself."""
    if written is not None:
        return list(written.when)
    when = node.value.get("when")
    items = when.value if when is not None and isinstance(when.value, list) else []
    return [validated(WrittenTrigger, item, Codes())[0] for item in items]


def _cheap(expression: Expression) -> bool:
    return all(p.local or p.names[0] in ("event", "vars") or p.names == ("run", "trigger") for p in expression.paths)


def _of_vars(node: Node | None) -> Field:
    if node is None:
        return a_map("vars")
    if not isinstance(node.value, dict) or any(not is_name(name) for name in node.value):
        return Field("map", called="vars")  # what is wrong with them is not told at every use as well
    return a_map("vars", **{name: _constant(child) for name, child in node.value.items()})


def _constant(node: Node) -> Field:
    return ANY if isinstance(node.value, str) and "${" in node.value else of_value(node.unmarked())
