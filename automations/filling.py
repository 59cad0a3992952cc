"""Records of tests are written in part: what the automation names and a test leaves out gets a neutral value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from automations.expressions import Expression
from automations.fields import ANY, Field
from automations.parts import Automation
from automations.templates import Path, Text, Whole

_NEUTRAL: Mapping[str, Any] = {"text": "", "id": "", "bool": False, "int": 0, "float": 0.0, "money": "0.00"}
_OF_RECORD = ("record", "previous")


def filled(record: Mapping[str, Any], wanted: Mapping[tuple[str, ...], Field]) -> dict[str, Any]:
    """The record with the wanted paths that it lacks: text empty, numbers 0, not true, dates and maps null, lists empty."""
    whole = _copied(record)
    for path, kind in wanted.items():
        _fill(whole, path, kind)
    return whole


def overlaid(record: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The record with these values in place of its own; maps are merged."""
    merged = _copied(record)
    for name, value in changes.items():
        own = merged.get(name)
        merged[name] = overlaid(own, value) if isinstance(own, dict) and isinstance(value, Mapping) else value
    return merged


def named(rule: Automation) -> dict[tuple[str, ...], Field]:
    """The paths of the record that an automation names, with what is known of them."""
    found: dict[tuple[str, ...], Field] = {}
    for path, kind in _paths(rule):
        if len(path) > 1 and path[0] in _OF_RECORD:
            found.setdefault(path[1:], kind)
    for moved in (one.transition for one in rule.triggers if one.transition is not None):
        found.setdefault(moved.path, moved.kind)
    return dict(sorted(found.items(), key=lambda one: len(one[0])))


def lookups_of(rule: Automation) -> set[str]:
    """The names of the lookup tables that an automation names."""
    return {path[1] for path, _ in _paths(rule) if len(path) > 1 and path[0] == "lookup"}


def _paths(rule: Automation) -> Iterator[tuple[tuple[str, ...], Field]]:
    flow = [part.key for part in (rule.flow.coalesce, rule.flow.overlap, rule.flow.throttle) if part is not None]
    conditions = [line for one in rule.triggers for line in one.where]
    conditions += [*rule.lines, *(key for key in flow if key is not None)]
    for step in rule.all_steps:
        conditions += step.lines
        yield from _inside(dict(step.values))
        yield from _inside(step.foreach)
    for expression in conditions:
        yield from _inside(expression)


def _inside(value: Any) -> Iterator[tuple[tuple[str, ...], Field]]:
    if isinstance(value, Expression):
        yield from ((tuple(one.names), one.field) for one in value.paths if not one.local)
    elif isinstance(value, Whole):
        yield from _inside(value.expression)
    elif isinstance(value, Path):
        yield tuple(value.names), ANY
    elif isinstance(value, (dict, list, Text)):
        parts = value.values() if isinstance(value, dict) else value.parts if isinstance(value, Text) else value
        for part in parts:
            yield from _inside(part)


def _fill(whole: dict[str, Any], path: tuple[str, ...], kind: Field) -> None:
    here = whole
    for name in path[:-1]:
        below = here.setdefault(name, {})
        if not isinstance(below, dict):
            return
        here = below
    if path[-1] not in here and kind.kind != "any":
        here[path[-1]] = _neutral(kind)


def _neutral(kind: Field) -> Any:
    if kind.kind == "list":
        return []
    return {} if kind.kind == "map" and not kind.nullable else _NEUTRAL.get(kind.kind)


def _copied(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _copied(value) if isinstance(value, Mapping) else value for name, value in record.items()}
