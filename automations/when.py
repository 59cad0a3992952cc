"""The times of `schedule:` and `sweep:`, from what is written to a `Timing`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from automations.parts import Timing
from automations.timing import PROJECT_ZONE, cron_at, cron_of, often_enough, zone_of
from automations.written import Schedule, Sweep
from config.problems import Problem, problem
from config.yamlfile import Node

_WAYS = ("every", "cron", "at")


def timing_of(node: Node, written: Schedule | Sweep, found: list[Problem]) -> Timing:
    """`node` is the trigger's own mapping."""
    ways = [way for way in _WAYS if isinstance(node.value, dict) and way in node.value]
    possible = [way for way in _WAYS if way in type(written).model_fields]
    if len(ways) != 1:
        what = "says twice when it is due" if ways else "does not say when it is due"
        found.append(
            problem(node.mark, "TB150", f"this trigger {what}; write exactly one of {', '.join(f'{w}:' for w in possible)}")
        )
    zone = _tried(node, "timezone", found, lambda: zone_of(written.timezone)) or "UTC"
    if zone == PROJECT_ZONE and not written.connector:
        mend = "add connector:, whose projects are meant"
        found.append(
            problem(node.at(["timezone"]).mark, "TB150", f"timezone: project needs a connector; {mend}", suggestion="connector:")
        )
    every = getattr(written, "every", None)
    if every is not None and "timezone" in node.value:
        message = "timezone: goes with cron: and at:; every: counts from one time to the next, so take it out"
        found.append(problem(node.key_mark(["timezone"]), "TB150", message))
    crons = [_tried(node, "cron", found, lambda: cron_of(written.cron))] if written.cron is not None else []
    crons += [_tried(node, "at", found, lambda at=at: cron_at(at)) for at in written.at or []]  # type: ignore[misc]
    return Timing(
        tuple(one for one in crons if one),
        None if every is None else _tried(node, "every", found, lambda: often_enough(every)),
        zone,
        getattr(written, "jitter", 0.0),
        getattr(written, "catch_up", "one"),
    )


def _tried(node: Node, key: str, found: list[Problem], read: Callable[[], Any]) -> Any:
    try:
        return read()
    except ValueError as error:
        found.append(problem(node.at([key]).mark, "TB150", str(error)))
        return None
