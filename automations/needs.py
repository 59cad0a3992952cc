"""Which fields of its record an automation reads, so that the cheapest reading that has them will do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from automations.expressions import Expression
from automations.parts import Automation
from automations.templates import Path, Text, Whole
from connectors.catalogue import Resource

Paths = frozenset[str]
"""Dotted paths below `record`, such as `status` or `assignee.name`."""


def paths_of(automation: Automation) -> Paths | None:
    """Every path below `record` or `previous` that it names; None when it may look at any, as `${record}` does.

    `changed` compares whole records, so it needs them whole.
    """
    found: set[str] = set()
    for names in _named(automation):
        if names[0] == "changed" or names in (("record",), ("previous",)):
            return None
        if names[0] in ("record", "previous"):
            found.add(".".join(names[1:]))
    return frozenset(found)


def list_suffices(resource: Resource, automations: Iterable[Automation]) -> bool:
    """True when one request of the list by ids serves all of these as well as reading each record alone.

    Either the list is as full as show, or they name only fields that it has. Where there is no show the list is all
    there is; where the fields are not known, nobody can tell.
    """
    if resource.list_path is None or resource.list_parent or not ("I" in resource.filters or resource.id_filter == "ids"):
        return False
    if resource.show_path is None:
        return True
    if resource.fields is None:
        return False
    return not resource.list_lacks or all(_without(resource.list_lacks, paths_of(one)) for one in automations)


def _without(lacks: tuple[str, ...], paths: Paths | None) -> bool:
    return paths is not None and not any(_touch(path, lack) for path in paths for lack in lacks)


def _touch(one: str, other: str) -> bool:
    """One of them is the other, or lies in it."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def _named(automation: Automation) -> Iterator[tuple[str, ...]]:
    for trigger in automation.triggers:
        if trigger.transition is not None:
            yield ("record", *trigger.transition.path)
    yield from _of_expressions(automation.lines)
    for step in automation.steps:
        yield from _of_expressions(step.lines)
        yield from _of_value(step.values)


def _of_expressions(expressions: Iterable[Expression]) -> Iterator[tuple[str, ...]]:
    # What hangs on the variable of a list function lies inside the list, which is named itself.
    return (path.names for one in expressions for path in one.paths if not path.local)


def _of_value(value: Any) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _of_value(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _of_value(inner)
    elif isinstance(value, Path):
        yield value.names
    elif isinstance(value, Whole):
        yield from _of_expressions([value.expression])
    elif isinstance(value, Text):
        yield from _of_expressions(part.expression for part in value.parts if isinstance(part, Whole))
