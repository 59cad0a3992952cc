"""Events to be replayed: found by what they are, and kept anew for the run that replays them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select

from store import events, searching
from store.models import Effect, Event, Run

EVENT_STATES = ("matched", "ignored", "unsupported", "quarantined")
RUN_STATES = ("ok", "failed", "skipped", "cancelled", "parked")
_PREFIX = "replay:"
_COLUMNS = (
    "connector", "source", "action", "resource_name", "resource_id", "company_id", "project_id", "user_id", "app_id",
    "timestamp", "payload_version", "parent",
)  # fmt: skip


def found(
    db: Connection, automation: str, heard: Collection[tuple[str, str]], sources: Collection[str], limit: int, after: int = 0,
    newest: int | None = None, **asked: Any,
) -> list[int]:  # fmt: skip
    """The ids of fitting events after one and up to another, oldest first and at most `limit`.

    Fitting are those that it had a run for, or that are of a source, or of a connector and resource, that it listens to.
    `asked`: as in `store.searching.events`; state is one of the event or one of the automation's run for it.
    """
    wanted = _fitting(db, select(Event.id), automation, heard, sources, asked)
    wanted = wanted.where(Event.id > after, *([Event.id <= newest] if newest is not None else []))
    return list(db.scalars(wanted.order_by(Event.id).limit(limit)))


def count(
    db: Connection, automation: str, heard: Collection[tuple[str, str]], sources: Collection[str], **asked: Any
) -> tuple[int, int]:
    """How many fit, and the newest of them; (0, 0) when none does."""
    counted = select(func.count(), func.max(Event.id)).select_from(Event)
    many, newest = db.execute(_fitting(db, counted, automation, heard, sources, asked)).one()
    return int(many), int(newest or 0)


def _fitting(
    db: Connection, wanted: Any, automation: str, heard: Collection[tuple[str, str]], sources: Collection[str],
    asked: dict[str, Any],
) -> Any:  # fmt: skip
    state = asked.get("state")
    of_event = state in EVENT_STATES
    ran = Event.id.in_(select(Run.event_id).where(Run.automation == automation))
    of = [and_(Event.connector == one, func.lower(Event.resource_name) == name.lower()) for one, name in heard]
    wanted = searching.fitting_events(db, wanted, {**asked, "state": state if of_event else None})
    wanted = wanted.where(Event.replays.is_(None), Event.purged_at.is_(None), or_(ran, Event.source.in_(sources), *of))
    if state is None or of_event:
        return wanted
    return wanted.where(Event.id.in_(select(Run.event_id).where(Run.automation == automation, Run.state == state)))


def applied(db: Connection, automation: str, event_id: int) -> int:
    """How many effects of the automation's runs for this event are applied."""
    of = select(Run.id).where(Run.automation == automation, Run.event_id == event_id)
    return int(db.scalar(select(func.count()).select_from(Effect).where(Effect.run_id.in_(of), Effect.state == "applied")) or 0)


def keep(db: Connection, original: Any, name: str, repeat: str, reason: str) -> int:
    """The same event once more, for one run. It says which it replays; `repeat` is not empty when effects are made anew."""
    about = {"event": original.id, "key": original.event_key, "repeat": repeat}
    return keep_as(db, original, name, {**(original.body or {}), "replay": about}, reason)


def keep_as(db: Connection, original: Any, name: str, body: dict[str, Any], reason: str) -> int:
    """The same event with another body, which says under `replay` what it repeats."""
    values = {column: getattr(original, column) for column in _COLUMNS}
    key = f"{_PREFIX}{original.id}:{name}"
    first = body["replay"]["event"]
    id = events.add(db, {**values, "event_key": key, "replays": first, "body": body, "state": "matched", "reason": reason})
    assert id is not None  # the name is new
    return id


def take(db: Connection, id: int) -> Any | None:
    """The event that is to be replayed, which no clean-up takes away until the end of the transaction."""
    return db.execute(select(Event.__table__).where(Event.id == id).with_for_update(read=True)).first()
