"""Triggers: checked against what connectors there are and what Procore sends."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from automations.compiling import Compiler, lines_of
from automations.expressions import Expression
from automations.fields import OPEN, Field, Lost, find, of_resource
from automations.known import Known, no_connector
from automations.naming import Names
from automations.parts import Transition, Trigger
from automations.when import timing_of
from automations.written import TRIGGERS, RunOf
from automations.written import Trigger as Written
from config.kinds import KINDS, meant
from config.problems import Mark, Problem, did_you_mean, nearest, problem
from config.yamlfile import Node

# Source: procore/documentation, webhooks: directory events no longer fan out to projects since 2026-06-30.
INSTEAD = {"project users": "Company Users", "project vendors": "Company Vendors"}


@dataclass(frozen=True)
class Listening:
    """The triggers that can be used, and by their ids the fields of the records they bring."""

    triggers: tuple[Trigger, ...]
    records: Mapping[str, Field]


def triggers_of(node: Node, given: Sequence[Written | None], known: Known, compiler: Compiler) -> Listening:
    found = compiler.found
    triggers: list[Trigger] = []
    records: dict[str, Field] = {}
    ids: dict[str, Mark] = {}
    for index, written in enumerate(given):
        here = node.at(["when", index])
        if written is None or (kind := _kind(here, written, found)) is None:
            continue
        name = written.id or _default_id(kind, ids)
        _twice(ids, name, here.at(["id"]).mark, found)
        _misplaced(here, kind, found)
        trigger, record = _of_kind(here, written, kind, name, known, compiler)
        triggers.append(trigger)
        records[name] = record
    return Listening(tuple(triggers), records)


def _of_kind(here: Node, written: Written, kind: str, name: str, known: Known, compiler: Compiler) -> tuple[Trigger, Field]:
    if written.config:
        return Trigger(name, "config", kinds=_kinds(here, written.config.kinds, compiler.found)), OPEN
    if written.inbound:
        return Trigger(name, "inbound", source=written.inbound.source), OPEN
    if written.run:
        return Trigger(name, "run", runs=_runs(here, written.run, known, compiler.found)), OPEN
    if written.schedule:
        connector = written.schedule.connector or ""
        _connector(here.at([kind]), connector, known, compiler.found)
        return Trigger(name, "schedule", connector, timing=timing_of(here.at([kind]), written.schedule, compiler.found)), OPEN
    return _with_record(here, written, kind, name, known, compiler)


_OF_RECORDS = ("field", "from", "to", "where", "hold", "repeat")


def _misplaced(here: Node, kind: str, found: list[Problem]) -> None:
    for key in _OF_RECORDS:
        if key in here.value and kind not in ("webhook", "sweep"):
            found.append(problem(here.key_mark([key]), "TB106", f'"{key}:" works with webhook: and sweep: only; take it out'))


def _kind(here: Node, written: Written, found: list[Problem]) -> str | None:
    kinds = [kind for kind in TRIGGERS if isinstance(here.value, dict) and kind in here.value]
    if len(kinds) == 1:
        return kinds[0]
    what = "is of two kinds" if kinds else "does not say what it listens to"
    there = ", ".join(f"{kind}:" for kind in TRIGGERS)
    found.append(problem(here.mark, "TB117", f"this trigger {what}; write exactly one of {there}"))
    return None


def _default_id(kind: str, ids: dict[str, Mark]) -> str:
    names = [kind, *(f"{kind}_{n}" for n in range(2, 1000))]
    return next(name for name in names if name not in ids)


def _twice(ids: dict[str, Mark], name: str, mark: Mark, found: list[Problem]) -> None:
    if name in ids:
        found.append(
            problem(mark, "TB109", f'the trigger "{name}" is there twice (first on line {ids[name].line}); give one another id')
        )
    ids.setdefault(name, mark)


def _kinds(here: Node, patterns: Sequence[str], found: list[Problem]) -> frozenset[str]:
    """The kinds of configuration events that the patterns mean."""
    kinds: set[str] = set()
    for index, pattern in enumerate(patterns):
        fitting = meant(pattern)
        kinds.update(fitting)
        if not fitting:
            mend = did_you_mean(pattern, KINDS) or f"; there are {', '.join(KINDS)}, and patterns such as connector.*"
            mark = here.at(["config", "kinds", index]).mark
            what = f'there is no kind of configuration event "{pattern}"{mend}'
            found.append(problem(mark, "TB126", what, suggestion=nearest(pattern, KINDS)))
    return frozenset(kinds)


def _runs(here: Node, given: RunOf, known: Known, found: list[Problem]) -> tuple[tuple[str, str], ...]:
    for name in given.automation:
        if known.automations is not None and name not in known.automations:
            mend = did_you_mean(name, known.automations) or "; name the id: of one in the site"
            mark = here.at(["run", "automation"]).mark
            found.append(
                problem(mark, "TB127", f'there is no automation "{name}"{mend}', suggestion=nearest(name, known.automations))
            )
    return tuple((name, status) for name in given.automation for status in given.status)


def _connector(inner: Node, connector: str, known: Known, found: list[Problem]) -> None:
    if connector and known.connectors is not None and connector not in known.connectors:
        found.append(no_connector(inner.at(["connector"]), known.connectors))


def _with_record(here: Node, written: Written, kind: Any, name: str, known: Known, compiler: Compiler) -> tuple[Trigger, Field]:
    inner, found = here.at([kind]), compiler.found
    given = written.webhook or written.sweep or written.manual
    connector, resource = (given.connector or "", given.resource or "") if given else ("", "")
    _connector(inner, connector, known, found)
    actions = frozenset(written.webhook.actions) if written.webhook else frozenset()
    canonical = _resource(inner, resource, known, kind, found) if resource else None
    if canonical and written.webhook:
        _actions(inner, canonical, written.webhook.actions, known, found)
    if kind == "manual" and canonical and not connector:
        found.append(problem(inner.mark, "TB105", "resource: of manual: needs connector:; add it", suggestion="connector:"))
    record = _record(canonical, known)
    transition = _transition(here, written, record, found)
    trigger = Trigger(
        name, kind, connector, canonical or resource, actions, transition, hold_s=written.hold, repeat_s=written.repeat,
        timing=timing_of(inner, written.sweep, found) if written.sweep else None,
    )  # fmt: skip
    if kind == "manual" or not (written.where or (written.sweep and written.sweep.where)):
        _hold_needs_state(here, written, transition, found)
        return trigger, record
    return replace(trigger, where=_where(here, inner, trigger, record, known, compiler)), record


def _hold_needs_state(here: Node, written: Written, transition: Transition | None, found: list[Problem]) -> None:
    """What stays true must be said: `where:`, or the value that `to:` names."""
    for key in ("hold", "repeat"):
        if key in here.value and (transition is None or transition.becomes is None):
            message = f'"{key}:" needs something that stays true; add where:, or field: and to:'
            found.append(problem(here.key_mark([key]), "TB105", message, suggestion="where:"))


def _where(here: Node, inner: Node, trigger: Trigger, record: Field, known: Known, compiler: Compiler) -> tuple[Expression, ...]:
    both = "where" in here.value and isinstance(inner.value, dict) and "where" in inner.value
    if both:
        compiler.wrong(inner.key_mark(["where"]), "TB109", "where: is there twice; keep one of them")
    names = Names([trigger], {trigger.id: record}, compiler.variables, known, gathers=False, unsure=False)
    lines = lines_of(here.value.get("where") or inner.value.get("where"))
    return tuple(one for line in lines if (one := compiler.condition(line, names.of([line.value]))) is not None)


def _resource(inner: Node, resource: str, known: Known, kind: str, found: list[Problem]) -> str | None:
    row, sent = known.resource(resource), known.subscribable(resource)
    mark = inner.at(["resource"]).mark
    if row is None and sent is None:
        mend = did_you_mean(resource, known.resources()) or "; `tieback rules schema resources` lists them"
        found.append(
            problem(mark, "TB121", f'Procore has no resource "{resource}"{mend}', suggestion=nearest(resource, known.resources()))
        )
        return None
    if kind == "webhook" and sent is None:
        found.append(
            problem(mark, "TB125", f"Procore sends no webhooks for {row.name}; import it, or listen to what changes with it")
        )
        return None
    return str((sent or row).name)


def _actions(inner: Node, resource: str, wanted: Sequence[str], known: Known, found: list[Problem]) -> None:
    row = known.subscribable(resource)
    sent = [str(a) for a in row.actions]
    written = "actions" in inner.value
    for index, action in enumerate(wanted):
        mark = inner.at(["actions", index]).mark if written else inner.at(["resource"]).mark
        if action in row.retired:
            instead = INSTEAD.get(resource.lower())
            mend = f"listen to {instead} {action} instead" if instead else "take it out"
            message = f"Procore has sent no {action} of {resource} since {row.retired[action]}; {mend}"
            found.append(problem(mark, "TB123", message, suggestion=instead))
        elif action not in sent:
            message = f"Procore sends no {action} of {resource}, only {', '.join(sent)}; write actions: [{', '.join(sent)}]"
            found.append(problem(mark, "TB122", message, suggestion=", ".join(sent)))


def _record(resource: str | None, known: Known) -> Field:
    row = known.resource(resource) if resource else None
    return of_resource(row) if row is not None else Field("map", fields=None, called=resource)


def _transition(here: Node, written: Written, record: Field, found: list[Problem]) -> Transition | None:
    if written.field is None:
        if written.from_ is not None or written.to is not None:
            found.append(problem(here.mark, "TB105", '"from:" and "to:" need "field:"; add it', suggestion="field:"))
        return None
    if written.webhook is None and written.sweep is None:
        return None
    path = tuple(written.field.split("."))
    kind = find(record, path)
    mark = here.at(["field"]).mark
    if isinstance(kind, Lost):
        guess = nearest(written.field, _paths(record)) or nearest(path[kind.index], kind.owner.fields or {})
        mend = f'; did you mean "{guess}"?' if guess else ""
        found.append(
            problem(mark, "TB204", f'{record.called or "the record"} has no field "{written.field}"{mend}', suggestion=guess)
        )
        return None
    if kind.kind in ("map", "list"):
        found.append(problem(mark, "TB106", f'"{written.field}" is a {kind.kind}; name a single value in it'))
        return None
    _comparable(here, written, kind, found)
    return Transition(path, kind, _tuple(written.from_), _tuple(written.to))


def _comparable(here: Node, written: Written, kind: Field, found: list[Problem]) -> None:
    for key, values in (("from", written.from_), ("to", written.to)):
        if values == []:
            found.append(problem(here.at([key]).mark, "TB106", f'"{key}:" must not be empty; name a value, or take it out'))
        for index, value in enumerate(values or []):
            node = here.at([key, index]) if isinstance(here.at([key]).value, list) else here.at([key])
            if isinstance(value, str) and (sign := _PATTERN.search(value)) is not None:
                what = f'{key}: takes values as they are, and "{sign[0].strip()}" is no part of one'
                message = f"{what}; list the values, such as [open, draft]"
                found.append(problem(node.mark, "TB106", message))
                continue
            wrong = isinstance(value, (dict, list)) or (kind.kind == "text" and not isinstance(value, (str, type(None))))
            if wrong or (kind.kind == "bool" and not isinstance(value, (bool, type(None)))):
                mend = "put quotes around it" if kind.kind == "text" else "write a single value"
                found.append(problem(node.mark, "TB106", f'"{written.field}" is {kind.kind}, and this is not; {mend}'))


# What people write for "any value", "any but this", "one of these".
_PATTERN = re.compile(r"^\*$|^[!=<>~]=?\s*|^not\s|.\*$|\|\||,\s")


def _paths(field: Field, prefix: str = "") -> list[str]:
    return [
        p for name, child in (field.fields or {}).items() for p in [prefix + name, *_paths(child, f"{prefix}{name}.")] if child
    ]


def _tuple(values: list[Any] | None) -> tuple[Any, ...] | None:
    return None if values is None else tuple(values)
