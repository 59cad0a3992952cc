"""Looks for what webhooks missed: a row each, with what was found and what came of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from store.models import Delivery, Event, Fetch, Record, Repair, Run
from store.types import now

# A look that found nothing says nothing after a day; the newest of its kind stays.
EMPTY_FOR_S = 24 * 3600
LATELY_S = 3600.0


def begin(db: Connection, connector: str, kind: str) -> int:
    """A look begins. `kind` is deliveries, sweep or ids."""
    return int(db.execute(insert(Repair).values(connector=connector, kind=kind).returning(Repair.id)).one().id)


def finish(db: Connection, id: int, **values: Any) -> None:
    """A look has ended; `values` are found, repaired, unrepairable, items and reason. Old looks that found nothing go."""
    db.execute(update(Repair).where(Repair.id == id).values(finished_at=now(), **values))
    row = db.execute(select(Repair.connector, Repair.kind).where(Repair.id == id)).one()
    # Lists that can never be looked at are named in each look: the newest one says so.
    nothing = (Repair.found == 0, Repair.reason.is_(None), Repair.finished_at < now(-EMPTY_FOR_S))
    db.execute(delete(Repair).where(Repair.connector == row.connector, Repair.kind == row.kind, *nothing, Repair.id < id))


def listed(db: Connection, *, limit: int, connector: str | None = None, only: Collection[str] | None = None) -> list[Any]:
    """Looks, newest first. `only` names the connectors that may be seen."""
    wanted = select(Repair.__table__).order_by(Repair.id.desc()).limit(limit)
    wanted = wanted if only is None else wanted.where(Repair.connector.in_(sorted(only)))
    return list(db.execute(wanted if connector is None else wanted.where(Repair.connector == connector)))


def get(db: Connection, id: int) -> Any | None:
    return db.execute(select(Repair.__table__).where(Repair.id == id)).first()


def kept_keys(db: Connection, connector: str, keys: Sequence[str]) -> set[str]:
    """Those of these keys under which a delivery, or an event of one, is kept."""
    here = set(db.scalars(select(Delivery.delivery_key).where(Delivery.connector == connector, Delivery.delivery_key.in_(keys))))
    return here | set(db.scalars(select(Event.event_key).where(Event.connector == connector, Event.event_key.in_(keys))))


def became(db: Connection, connector: str, keys: Sequence[str]) -> dict[str, tuple[str, str | None]]:
    """State and reason of the event of each key. One whose record could not be read is `unread`."""
    events = select(Event.id, Event.event_key, Event.state, Event.reason)
    found = {}
    for event in db.execute(events.where(Event.connector == connector, Event.event_key.in_(keys))):
        unread = select(Run.reason).join(Fetch, Fetch.id == Run.fetch_id).where(Run.event_id == event.id, Fetch.state == "failed")
        reason = db.scalar(unread.limit(1))
        found[event.event_key] = ("unread", reason) if reason else (event.state, event.reason)
    return found


def newest(db: Connection, connector: str, resource: str, ids: Iterable[str]) -> dict[str, Any]:
    """Our newest copies of these records, by id."""
    same = (Record.connector == connector, Record.resource == resource)
    last = select(func.max(Record.id)).where(*same, Record.record_id.in_(list(ids))).group_by(Record.record_id)
    return {row.record_id: row for row in db.execute(select(Record.__table__).where(Record.id.in_(last)))}


def alive(db: Connection, connector: str, resource: str, project_id: str) -> dict[str, int]:
    """The ids of the records that we know and that are not deleted, with their newest copy."""
    same = (Record.connector == connector, Record.resource == resource)
    last = select(func.max(Record.id).label("id")).where(*same).group_by(Record.record_id).subquery()
    wanted = select(Record.record_id, Record.id).join(last, last.c.id == Record.id).where(Record.deleted_at.is_(None))
    wanted = wanted.where(Record.project_id == project_id) if project_id else wanted
    return {row.record_id: row.id for row in db.execute(wanted)}


def told_of_deletion(db: Connection, event: Mapping[str, Any], resource: str) -> int | None:
    """An earlier event by which automations heard of the same deletion, a webhook's or a sweep's; None when there is none.

    `event` are the columns of the one at hand, `resource` the catalogue's spelling. A copy that was read after the earlier
    event says that the record was there again, so that it can be deleted anew.
    """
    same = (Event.connector == event["connector"], Event.resource_id == event["resource_id"], Event.action == "delete")
    named = Event.resource_name.in_({event["resource_name"], resource})
    earlier = select(Event.id, Event.created_at).where(*same, named, Event.state == "matched", Event.id < event["id"])
    last = db.execute(earlier.order_by(Event.id.desc()).limit(1)).first()
    if last is None:
        return None
    copy = newest(db, event["connector"], resource, [event["resource_id"]]).get(event["resource_id"])
    return None if copy is not None and copy.fetched_at > last.created_at else int(last.id)
