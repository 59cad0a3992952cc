"""Copies of Procore's records, as they once were; the newest is what we believe."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, text, update

from store.models import Record
from store.types import now


@dataclass(frozen=True)
class Kept:
    """`after_id` is the copy that stands now, `before_id` the one before it; `changed` when this call added it.

    `gone`: that copy is marked deleted, and this read was not believed.
    """

    before_id: int | None
    after_id: int
    changed: bool
    gone: bool = False


_SAME = tuple(getattr(Record, name) == bindparam(f"of_{name}") for name in ("connector", "resource", "record_id"))
_COPIES = select(Record.__table__).where(*_SAME).order_by(Record.id.desc())
_NEWEST = _COPIES.limit(1)
_TWO_NEWEST = _COPIES.limit(2)
_BEFORE = select(Record.id).where(*_SAME, Record.id < bindparam("of_id")).order_by(Record.id.desc()).limit(1)
_GET = select(Record.__table__).where(Record.id == bindparam("of_id"))
_ADD = insert(Record.__table__).returning(Record.id)  # type: ignore[arg-type]
_SEEN = update(Record.__table__).where(Record.id == bindparam("of_id")).values(seen_at=now())  # type: ignore[arg-type]
_LOCKED = text(
    "SELECT count(pg_advisory_xact_lock(h)) FROM "
    "(SELECT hashtextextended(key, 0) AS h FROM unnest(CAST(:keys AS text[])) AS key ORDER BY h) AS locks"
)


def newest(db: Connection, connector: str, resource: str, record_id: str) -> Any | None:
    return db.execute(_NEWEST, _of(connector, resource, record_id)).first()


def two_newest(db: Connection, connector: str, resource: str, record_id: str) -> list[Any]:
    """The newest copy and the one before it, as far as there are any."""
    return list(db.execute(_TWO_NEWEST, _of(connector, resource, record_id)))


def get(db: Connection, id: int) -> Any | None:
    return db.execute(_GET, {"of_id": id}).first()


def alone(db: Connection, connector: str, resource: str, record_ids: Iterable[str]) -> None:
    """Nobody else keeps a copy of these records until the end of the transaction, in an order that all keep to.

    Two readers of one record must not both find it absent; SQLite has one writer anyway.
    """
    if db.dialect.name != "postgresql":
        return
    keys = [f"{connector}/{resource}/{id}" for id in record_ids]
    db.execute(_LOCKED, {"keys": keys})


def keep(db: Connection, copy: dict[str, Any], *, alive: bool = True, known: list[Any] | None = None) -> Kept:
    """Keep what was just read. `copy` holds the columns of `tieback_records` that Procore decides; `known` are the
    `two_newest` of whoever is `alone` already.

    The same content adds no row; an older `updated_at` (a stale read) never replaces a newer one. A record that
    was marked deleted and is there after all comes back as a new copy, unless `alive` is False: the read may be stale.
    """
    if known is None:
        of = (copy["connector"], copy["resource"], copy["record_id"])
        alone(db, *of[:2], [of[2]])
        known = two_newest(db, *of)
    last = known[0] if known else None
    if last is not None:
        gone = last.deleted_at is not None
        same = last.record_hash == copy["record_hash"] and not (gone and alive)
        if same or (gone and not alive) or _older(copy["updated_at"], last.updated_at):
            db.execute(_SEEN, {"of_id": last.id})
            return Kept(known[1].id if len(known) > 1 else None, last.id, False, gone)
    id = db.scalar(_ADD, copy)
    assert id is not None
    return Kept(last.id if last else None, id, True)


def before(db: Connection, copy: Any) -> int | None:
    """The copy before this one."""
    return db.scalar(_BEFORE, {**_of(copy.connector, copy.resource, copy.record_id), "of_id": copy.id})


def known_ids(db: Connection, connector: str, resource: str, project_id: str, limit: int) -> list[str]:
    """The ids of a project's records of which we have a copy, the ones read last first."""
    there = (Record.connector == connector, Record.resource == resource, Record.project_id == project_id)
    ids = select(Record.record_id).where(*there).group_by(Record.record_id).order_by(func.max(Record.id).desc())
    return list(db.scalars(ids.limit(limit)))


def mark_deleted(db: Connection, connector: str, resource: str, record_id: str, at: dt.datetime | None = None) -> bool:
    """Evidence of deletion at a time, or now, on the newest copy; the copy stays. True when it was not marked before.

    A copy that changed after `at` was restored meanwhile, and a record that is there is not deleted.
    """
    last = newest(db, connector, resource, record_id)
    at = at or db.scalar(select(now()))
    assert at is not None
    if last is None or last.deleted_at is not None or younger(last.updated_at, at):
        return False
    db.execute(update(Record).where(Record.id == last.id).values(deleted_at=at))
    return True


def younger(updated_at: str | None, moment: dt.datetime) -> bool:
    """True when `updated_at` lies after the moment by the second, which is what Procore counts it in."""
    try:
        found = dt.datetime.fromisoformat(updated_at) if updated_at else None
    except ValueError:
        return False
    return found is not None and found.tzinfo is not None and found > moment.replace(microsecond=0)


def _of(connector: str, resource: str, record_id: str) -> dict[str, str]:
    return {"of_connector": connector, "of_resource": resource, "of_record_id": record_id}


def _older(one: str | None, other: str | None) -> bool:
    # Procore writes updated_at as ISO 8601 in UTC with a Z, so text order is time order.
    return bool(one and other and one < other)
