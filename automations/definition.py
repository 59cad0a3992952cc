"""Load an automation: from YAML text to an `Automation`, or to every problem in it at once.

The shape is pydantic's work, names and types are the catalogue's and CEL's. A problem in one step
never hides one in another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from automations import checks
from automations import event as events
from automations.actions import known_words, of_word
from automations.expressions import Expression, check
from automations.fields import INT, STATES, TEXT, TIME, Field, a_list, a_map, one_of, shared
from automations.known import Known, no_connector
from automations.listening import triggers_of
from automations.parts import Automation as Automation
from automations.parts import Limits, Retry, Step, Trigger
from automations.places import place
from automations.reading import Codes, validated
from automations.scanning import Finding
from automations.suspects import suspects
from automations.templates import compiled, roots
from automations.words import as_now
from automations.written import LATER_TRIGGERS
from automations.written import Automation as Written
from automations.written import Retry as WrittenRetry
from automations.written import Step as WrittenStep
from automations.written import Trigger as WrittenTrigger
from config import yamlfile
from config.problems import Mark, Problem, Problems, did_you_mean, nearest, problem
from config.yamlfile import Node

SPOKEN_KINDS = {
    "STRING": "text",
    "INT": "a whole number",
    "DOUBLE": "a decimal number",
    "TIMESTAMP": "a time",
    "DURATION": "a length of time",
}


def load(text: str, name: str, known: Known | None = None) -> Automation:
    """An automation from its YAML. `name` is how problems call the file.

    Raises: Problems with all that is wrong; warnings alone do not raise, they are in `.warnings`.
    """
    return _Loading(text, name, known or Known()).automation()


class _Loading:
    """One file on its way; collects problems as it goes."""

    def __init__(self, text: str, name: str, known: Known):
        self.text, self.name, self.known = text, name, known
        self.found: list[Problem] = []
        self.roots: set[str] = set()

    def automation(self) -> Automation:
        node = yamlfile.parse(self.text, self.name)
        self._first_look(node)
        half = _has_later_trigger(node)
        node, later = as_now(node)
        self.found += [*later, *suspects(node)]
        written, wrong = validated(Written, node, Codes())
        self.found += wrong
        given = _triggers(node, written)
        triggers, records = triggers_of(node, given, self.known, self.found)
        unsure = half or len(triggers) < len(given)
        scope = self._scope(node, triggers, _record(triggers, records, unsure))
        lines = self._lines(node, ["if"], scope)
        steps = self._steps(node, scope)
        self._refuse()
        assert written is not None
        automation = self._whole(written, triggers, lines, steps)
        self.found += checks.found(node, automation, self.known)
        self._refuse()
        return replace(automation, warnings=tuple(p for p in self.found if p.severity == "warning"))

    def _refuse(self) -> None:
        if any(p.severity == "error" for p in self.found):
            raise Problems(dict.fromkeys(self.found), self.text)

    def _first_look(self, node: Node) -> None:
        """What makes all else meaningless is said alone."""
        if not isinstance(node.value, dict):
            raise Problems([problem(node.mark, "TB106", "an automation is a mapping; begin with format: 1")], self.text)
        for key in ("on", "true", "True"):
            if key in node.keys:
                raise Problems(
                    [problem(node.keys[key], "TB114", f'"{key}:" is no key here; write when:', suggestion="when:")], self.text
                )
        if "format" not in node.value:
            raise Problems(
                [problem(node.mark, "TB107", 'the first line must be "format: 1"; add it', suggestion="format: 1")], self.text
            )
        if node.value["format"].value != 1 or isinstance(node.value["format"].value, bool):
            seen = node.value["format"]
            raise Problems(
                [problem(seen.mark, "TB107", "this version reads format 1; write format: 1", suggestion="1")], self.text
            )

    def _scope(self, node: Node, triggers: Sequence[Trigger], record: Field | None) -> Field:
        variables = _of_vars(node.at(["vars"])) if "vars" in node.value else a_map("vars")
        names = {
            "event": events.field_of({trigger.kind for trigger in triggers}),
            "run": RUN,
            "vars": variables,
            "steps": a_map("steps"),
        }
        if record is not None:
            previous = replace(record, nullable=True)
            names |= {"record": record, "previous": previous, "changed": a_list(TEXT)}
        return a_map(None, **names)

    def _lines(self, node: Node, path: list[str | int], scope: Field) -> tuple[Expression, ...]:
        parent = node.at(path[:-1])
        if not isinstance(parent.value, dict) or path[-1] not in parent.value:
            return ()
        here = node.at(path)
        lines = here.value if isinstance(here.value, list) else [here]
        return tuple(e for line in lines if isinstance(line.value, str) and (e := self._condition(line, scope)))

    def _condition(self, node: Node, scope: Field) -> Expression | None:
        expression, findings = check(node.value, scope)
        for finding in findings:
            self._say(node, finding)
        if expression is None:
            return None
        if expression.kind not in ("BOOL", "DYN"):
            seen = SPOKEN_KINDS.get(expression.kind, "a list or map")
            self._say(
                node, Finding(0, "TB209", f"a condition must be true or false; this gives {seen}; compare it with something")
            )
        self.roots |= expression.roots()
        return expression

    def _say(self, node: Node, finding: Finding) -> None:
        mark = place(self.text, node, finding.offset)
        severity: Any = "warning" if finding.warning else "error"
        self.found.append(problem(mark, finding.code, finding.message, suggestion=finding.suggestion, severity=severity))

    def _steps(self, node: Node, scope: Field) -> tuple[Step, ...]:
        do = node.value.get("do")
        steps: list[Step] = []
        if do is None or not isinstance(do.value, list):
            return ()
        ids: dict[str, Mark] = {}
        for index, item in enumerate(do.value):
            if not isinstance(item.value, dict):
                continue
            name = _step_name(item, ids)
            step = self._step(node, item, index, scope, name)
            self._twice(ids, name, item.at(["id"]).mark)
            scope = self._with_step(scope, name, self._output(item))
            if step is not None:
                steps.append(step)
        return tuple(steps)

    def _twice(self, ids: dict[str, Mark], name: str, mark: Mark) -> None:
        if name in ids:
            self.found.append(
                problem(mark, "TB109", f'the step "{name}" is there twice (first on line {ids[name].line}); give one another id')
            )
        ids.setdefault(name, mark)

    def _with_step(self, scope: Field, name: str, output: Field) -> Field:
        steps = dict((scope.fields or {})["steps"].fields or {})
        steps[name] = a_map(
            None,
            output=output if output.called else replace(output, called=f"steps.{name}.output"),
            status=one_of(*STATES),
            error=a_map(None, True, kind=TEXT, message=TEXT),
        )
        return a_map(None, **{**(scope.fields or {}), "steps": Field("map", fields=steps, called="steps")})

    def _output(self, item: Node) -> Field:
        action = of_word(item.value["use"].value) if "use" in item.value else None
        if action is None:
            return Field("any", nullable=True)
        given = item.value["with"].unmarked() if "with" in item.value else {}
        described = getattr(action, "output", None)
        found: Field = described(given if isinstance(given, dict) else {}, self.known) if described else action.OUTPUT
        return found

    def _step(self, node: Node, item: Node, index: int, scope: Field, name: str) -> Step | None:
        lines = self._lines(node, ["do", index, "if"], scope)
        use, given = item.value.get("use"), item.value.get("with", Node({}, item.mark, {}))
        if use is None or not isinstance(use.value, str):
            return None
        action = of_word(use.value)
        if action is None:
            self._no_action(use)
            return None
        self._parameters(given, use.value, action)
        values = compiled(given, scope, self._say)
        self.roots |= roots(values)
        written, _ = validated(WrittenStep, item, Codes())
        if written is None or not isinstance(values, dict):
            return None
        return Step(name, use.value, action, values, lines, _retry(written.retry), written.on_error)

    def _no_action(self, use: Node) -> None:
        words = known_words()
        mend = did_you_mean(use.value, words) or f"; there are {', '.join(words)}"
        self.found.append(
            problem(use.mark, "TB130", f'there is no action "{use.value}"{mend}', suggestion=nearest(use.value, words))
        )

    def _parameters(self, given: Node, word: str, action: Any) -> None:
        if not isinstance(given.value, dict):
            return
        codes = Codes("TB131", "TB132", "TB133", "TB112", "parameter", word)
        _, wrong = validated(action.Params, given, codes, skip=_templated)
        self.found += wrong
        for name in getattr(action, "FIXED", ()):
            child = given.value.get(name)
            if child is not None and _templated(child):
                self.found.append(problem(child.mark, "TB133", f'"{name}" of {word} must be written out; it cannot be ${{…}}'))
        if "connector" in given.value and not _templated(given.value["connector"]):
            self._connector(given.value["connector"])
        if "to" in given.value and not wrong:
            to = given.value["to"]
            for one in to.value if isinstance(to.value, list) else [to]:
                self._destination(one)

    def _connector(self, node: Node) -> None:
        known = self.known.connectors
        if known is not None and isinstance(node.value, str) and node.value not in known:
            self.found.append(no_connector(node, known))

    def _destination(self, node: Node) -> None:
        known = self.known.destinations
        if known is not None and isinstance(node.value, str) and not _templated(node) and node.value not in known:
            mend = did_you_mean(node.value, known) or "; put a file for it into destinations/"
            what = f'there is no destination "{node.value}"{mend}'
            self.found.append(problem(node.mark, "TB136", what, suggestion=nearest(node.value, known)))

    def _whole(
        self, written: Written, triggers: tuple[Trigger, ...], lines: tuple[Expression, ...], steps: tuple[Step, ...]
    ) -> Automation:
        named = {t.connector for t in triggers if t.connector} | {
            str(s.values["connector"]) for s in steps if "connector" in s.values
        }
        record = bool(self.roots & {"record", "previous", "changed"}) or any(t.transition for t in triggers)
        return Automation(
            id=written.id, title=written.title or written.id, owner=written.owner, runbook=written.runbook, labels=written.labels,
            stage=written.stage, version=hashlib.sha256(self.text.encode()).hexdigest(), source=self.text, file=self.name,
            triggers=triggers, lines=lines, cheap=tuple(n for n, e in enumerate(lines) if _cheap(e)), needs_record=record,
            steps=steps, vars=written.vars, retry=_retry(written.retry) or Retry(), connectors=tuple(sorted(named)),
            limits=Limits(written.limits.timeout, written.limits.api_calls),
            warnings=tuple(p for p in self.found if p.severity == "warning"),
        )  # fmt: skip


RUN = a_map("run", id=TEXT, rule=TEXT, trigger=TEXT, now=TIME, today=TIME, attempt=INT, status=TEXT)


def _record(triggers: Sequence[Trigger], records: Sequence[Field], unsure: bool) -> Field | None:
    """What the record has; open when a trigger is not understood, so that one mistake there is not told at every field."""
    if unsure:
        return Field("map")
    return shared(records) if triggers and all(t.resource for t in triggers) else None


def _has_later_trigger(node: Node) -> bool:
    items = node.value["when"].value if "when" in node.value else []
    return isinstance(items, list) and any(isinstance(i.value, dict) and set(i.value) & LATER_TRIGGERS for i in items)


def _triggers(node: Node, written: Written | None) -> list[WrittenTrigger | None]:
    """The written triggers, even when something else in the file is wrong; None for one that is wrong itself."""
    if written is not None:
        return list(written.when)
    when = node.value.get("when")
    items = when.value if when is not None and isinstance(when.value, list) else []
    return [validated(WrittenTrigger, item, Codes())[0] for item in items]


def _cheap(expression: Expression) -> bool:
    return all(p.local or p.names[0] in ("event", "vars") or p.names == ("run", "trigger") for p in expression.paths)


def _step_name(item: Node, taken: Mapping[str, Mark]) -> str:
    """The author's id; else the action's word, such as `http_call`, and `http_call_2` for the next one."""
    if "id" in item.value and isinstance(item.value["id"].value, str):
        return item.value["id"].value
    word = str(item.value["use"].value).replace(".", "_") if "use" in item.value else "step"
    return next(name for name in (word, *(f"{word}_{n}" for n in range(2, 100_000))) if name not in taken)


def _retry(written: WrittenRetry | None) -> Retry | None:
    if written is None:
        return None
    return Retry(written.attempts, written.backoff, written.first, written.max, tuple(written.only) if written.only else None)


def _templated(node: Node) -> bool:
    return isinstance(node.value, str) and "${" in node.value


def _of_vars(node: Node) -> Field:
    if not isinstance(node.value, dict):
        return a_map("vars")
    return a_map("vars", **{name: _of_value(child.unmarked()) for name, child in node.value.items()})


def _of_value(value: Any) -> Field:
    if isinstance(value, bool):
        return Field("bool")
    if isinstance(value, list):
        kinds = {_of_value(v).kind for v in value}
        return a_list(_of_value(value[0]) if len(kinds) == 1 else None)
    if isinstance(value, dict):
        return a_map(None, **{str(k): _of_value(v) for k, v in value.items()})
    return {int: INT, float: Field("float"), str: TEXT}.get(type(value), Field("any", nullable=True))
