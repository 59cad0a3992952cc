"""Sorting: from a kept delivery to its events, each of which `dispatch` then brings to the automations.

One delivery is one transaction: it is sorted whole or not at all, and doing it again changes nothing.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from config import failpoints
from store import announcements, deliveries, events, hooks
from store.session import reading, retrying, writing
from workers import config_events
from workers.beginning import Rings
from workers.desk import Desk
from workers.dispatch import Origin, enter, ring
from workers.events import Said, UnreadableError, of_announcement, read


def sort(desk: Desk, delivery_id: int) -> None:
    """Sort one delivery and ring for what it made due. Nothing happens when it is sorted already."""
    if _may_try(desk, delivery_id):  # outside of the retries: a deadlock is no try that ended its worker
        _sort(desk, delivery_id)


@retrying
def _sort(desk: Desk, delivery_id: int) -> None:
    with writing(desk.engine) as db:
        row = deliveries.take(db, delivery_id)
        if row is None:
            return
        desk.loaded.fresh(db)
        rings = _whole(desk, db, row)
        failpoints.hit("sort.before_commit")
    failpoints.hit("sort.after_commit")
    ring(desk, rings)


def _may_try(desk: Desk, delivery_id: int) -> bool:
    """The first try costs no extra commit; a later one is counted before it is made."""
    with reading(desk.engine) as db:
        if not deliveries.rung_again(db, delivery_id):
            return True
    with writing(desk.engine) as db:
        return deliveries.count_try(db, delivery_id)


def _whole(desk: Desk, db: Connection, row: Any) -> Rings:
    try:
        said, unread = _read(db, row)
    except UnreadableError as error:
        said, unread = [], [str(error)]
    known: list[str] = []
    rings: Rings = []
    origin = _origin(db, row)
    for one in said:
        entered = enter(desk, db, one, origin)
        known += [one.key] if entered.event_id is None else []
        rings += [asked for asked in entered.rings if asked not in rings]
    state, reason = _verdict(len(said), known, unread)
    if row.reason and state == "sorted":
        reason = row.reason  # what the door noticed, such as a great age
    deliveries.mark(db, row.id, state, reason)
    return rings


def _read(db: Connection, row: Any) -> tuple[list[Said], list[str]]:
    """What was said, by the way it came."""
    source = announcements.source_of(row.hook_key)
    if source is None:
        return read(row.raw, row.received_at)
    said = of_announcement(events.of_delivery(db, row.id)[0])
    if source == "config":
        config_events.set_going(db, said)
    return [said], []


def _origin(db: Connection, row: Any) -> Origin:
    """The hook's own row says whose it is, so this holds while the connector cannot be used too."""
    if source := announcements.source_of(row.hook_key):
        return Origin(row.connector, source, delivery_id=row.id)
    company, project = hooks.scope_of(db, row.hook_key)
    return Origin(row.connector, "webhook", company, project, delivery_id=row.id)


def _verdict(count: int, known: list[str], unread: list[str]) -> tuple[str, str | None]:
    """The delivery's own state once its events are kept."""
    if unread and not count:
        return "quarantined", "; ".join(unread)[:500]
    if unread:
        return "sorted", f"{len(unread)} of {count + len(unread)} objects could not be read: {'; '.join(unread)}"[:500]
    if known and len(known) == count:
        return "ignored", f"already known: event {known[0]}"
    return "sorted", None
