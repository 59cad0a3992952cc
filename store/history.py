"""Stored events and copies as they once were, page by page, for asking what a rule would have done."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, or_, select
from sqlalchemy.orm import aliased

from store.models import Event, Record, Run, RunEvent
from store.tracing import Around

AT_ONCE = 500


class Was(NamedTuple):
    """What a run of the automation became of an event; `shared` with others that were gathered into it."""

    run_id: int
    state: str
    reason: str | None
    shared: bool


def first_since(db: Connection, since: dt.datetime) -> int:
    """The id of the first event that was kept since then; beyond all when there is none."""
    found = db.scalar(select(Event.id).where(Event.created_at >= since).order_by(Event.id).limit(1))
    return int(found) if found is not None else (db.scalar(select(func.max(Event.id))) or 0) + 1


def count_since(db: Connection, since: dt.datetime) -> int:
    """About how many events were kept since then: what their ids span."""
    return max(0, int(db.scalar(select(func.max(Event.id))) or 0) + 1 - first_since(db, since))


def events(db: Connection, after: int, limit: int) -> list[Any]:
    """The next events in the order in which they were kept."""
    wanted = select(Event.__table__).where(Event.id > after, Event.purged_at.is_(None))
    return list(db.execute(wanted.order_by(Event.id).limit(limit)))


def was(db: Connection, automation: str, first: int, last: int) -> dict[int, Was]:
    """By event, what the automation's own run came to."""
    columns = (Run.id, Run.state, Run.reason)
    alone = select(Run.event_id.label("of"), *columns).where(Run.automation == automation, Run.event_id.between(first, last))
    joined = (
        select(RunEvent.event_id.label("of"), *columns)
        .join(Run, Run.id == RunEvent.run_id)
        .where(RunEvent.automation == automation, RunEvent.event_id.between(first, last))
    )
    found = {row.of: Was(row.id, row.state, row.reason, False) for row in db.execute(alone.order_by(Run.id.desc()))}
    return found | {row.of: Was(row.id, row.state, row.reason, True) for row in db.execute(joined)}


def pinned(db: Connection, first: int, last: int) -> dict[int, Around]:
    """By event, the copies that any of its runs worked with."""
    has_one = or_(Run.before_id.is_not(None), Run.after_id.is_not(None))
    wanted = select(Run.event_id, Run.before_id, Run.after_id).where(Run.event_id.between(first, last), has_one)
    return {row.event_id: Around(row.before_id, row.after_id, row.after_id is not None) for row in db.execute(wanted)}


def around(db: Connection, connector: str, resource: str, moments: Mapping[int, tuple[str, dt.datetime]]) -> dict[int, Around]:
    """By event, the nearest copies: the first one read after its moment and the one before it. `moments` are (record, moment)."""
    copies = _when_read(db, connector, resource, {record for record, _ in moments.values()})
    found = {}
    for event_id, (record, moment) in moments.items():
        ids, times = copies.get(record, ([], []))
        at = bisect_right(times, moment)
        earlier = ids[at - 1] if at else None
        later = ids[at] if at < len(ids) else None
        found[event_id] = Around(earlier, later or earlier, later is not None)
    return found


def _when_read(db: Connection, connector: str, resource: str, records: Collection[str]) -> dict[str, tuple[list[int], list[Any]]]:
    found: dict[str, tuple[list[int], list[Any]]] = defaultdict(lambda: ([], []))
    listed = sorted(records)
    for start in range(0, len(listed), AT_ONCE):
        of = (Record.connector == connector, Record.resource == resource, Record.record_id.in_(listed[start : start + AT_ONCE]))
        for row in db.execute(select(Record.id, Record.record_id, Record.fetched_at).where(*of).order_by(Record.id)):
            ids, times = found[row.record_id]
            ids.append(row.id)
            times.append(row.fetched_at)
    return found


def bodies(db: Connection, ids: Iterable[int]) -> dict[int, Any]:
    listed = sorted(set(ids))
    found: dict[int, Any] = {}
    for start in range(0, len(listed), AT_ONCE):
        wanted = select(Record.id, Record.body).where(Record.id.in_(listed[start : start + AT_ONCE]))
        found |= {row.id: row.body for row in db.execute(wanted)}
    return found


def standing(db: Connection, connector: str, resource: str, moment: dt.datetime, after: str, limit: int) -> list[Any]:
    """The newest copy of each record as it was at a moment, by record id from `after` on: a page to walk through."""
    later = aliased(Record)
    same = (later.connector == Record.connector, later.resource == Record.resource, later.record_id == Record.record_id)
    newer = select(later.id).where(*same, later.id > Record.id, later.fetched_at <= moment).exists()
    of = (Record.connector == connector, Record.resource == resource, Record.record_id > after, Record.fetched_at <= moment)
    alive = or_(Record.deleted_at.is_(None), Record.deleted_at > moment)
    return list(db.execute(select(Record.__table__).where(*of, ~newer, alive).order_by(Record.record_id).limit(limit)))
