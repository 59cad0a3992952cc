"""`field/from/to`: did the value move as the trigger says? Procore sends no values, so two copies are compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from automations.event import Event
from automations.parts import Transition, Trigger
from automations.values import MISSING, lookup, plain, shown


def why_not(trigger: Trigger, event: Event, previous: Mapping[str, Any] | None, record: Mapping[str, Any] | None) -> str | None:
    """None when the trigger fires, else the reason: `trigger moved: from "Draft" not in ["Open"]`."""
    moved = trigger.transition
    if moved is None:
        return None
    name = ".".join(moved.path)
    now = _value(record, moved)
    reason = _created(moved, event, name, now) if previous is None else _moved(moved, name, _value(previous, moved), now)
    return f"trigger {trigger.id}: {reason}" if reason else None


def why_no_longer(
    trigger: Trigger, event: Event, previous: Mapping[str, Any] | None, record: Mapping[str, Any] | None
) -> str | None:
    """None when what the trigger waited for is still so: the value is among those of `to:`."""
    moved = trigger.transition
    reason = None if moved is None else _outside("to", _value(record, moved), moved, moved.becomes)
    return f"trigger {trigger.id}: {reason}, no longer" if reason else None


def _created(moved: Transition, event: Event, name: str, now: Any) -> str | None:
    if event.action != "create":
        return f"no earlier copy; import {event.resource_name} once"
    if moved.was is not None or moved.becomes is None:
        return f"{name} is new, it did not change"
    return _outside("to", now, moved, moved.becomes)


def _moved(moved: Transition, name: str, before: Any, now: Any) -> str | None:
    if before == now:
        return f"{name} did not change ({shown(now)})"
    return _outside("from", before, moved, moved.was) or _outside("to", now, moved, moved.becomes)


def _outside(side: str, value: Any, moved: Transition, wanted: tuple[Any, ...] | None) -> str | None:
    if wanted is None or value in [plain(w, name=moved.path[-1]) for w in wanted]:
        return None
    return f"{side} {shown(value)} not in {shown(list(wanted))}"


def _value(record: Mapping[str, Any] | None, moved: Transition) -> Any:
    value = lookup(record or {}, moved.path)
    if value is MISSING or value is None:
        return None
    as_text = moved.kind.kind in ("id", "text", "money") and not isinstance(value, bool)
    return str(value) if as_text else plain(value, name=moved.path[-1])
