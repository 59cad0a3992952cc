"""Copies of Procore's records, as they once were; the newest is what we believe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select, update

from store.models import Record
from store.types import now


@dataclass(frozen=True)
class Kept:
    """`after_id` is the copy that stands now, `before_id` the one before it; `changed` when this call added it."""

    before_id: int | None
    after_id: int
    changed: bool


def newest(db: Connection, connector: str, resource: str, record_id: str) -> Any | None:
    return db.execute(_copies(connector, resource, record_id).limit(1)).first()


def get(db: Connection, id: int) -> Any | None:
    return db.execute(select(Record.__table__).where(Record.id == id)).first()


def keep(db: Connection, copy: dict[str, Any]) -> Kept:
    """Keep what was just read. `copy` holds the columns of `tieback_records` that Procore decides.

    The same content adds no row; an older `updated_at` (a stale read) never replaces a newer one.
    """
    of = (copy["connector"], copy["resource"], copy["record_id"])
    if db.dialect.name == "postgresql":
        # Two readers of one record must not both find it absent; SQLite has one writer anyway.
        db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("/".join(of), 0))))
    known = list(db.execute(_copies(*of).limit(2)))
    last = known[0] if known else None
    if last is not None and (last.record_hash == copy["record_hash"] or _older(copy["updated_at"], last.updated_at)):
        db.execute(update(Record).where(Record.id == last.id).values(seen_at=now()))
        return Kept(known[1].id if len(known) > 1 else None, last.id, False)
    id = db.scalar(insert(Record).values(copy).returning(Record.id))
    assert id is not None
    return Kept(last.id if last else None, id, True)


def mark_deleted(db: Connection, connector: str, resource: str, record_id: str, at: Any) -> None:
    """Evidence of deletion on the newest copy; a copy that is there stays."""
    last = newest(db, connector, resource, record_id)
    if last is not None and last.deleted_at is None:
        db.execute(update(Record).where(Record.id == last.id).values(deleted_at=at))


def _copies(connector: str, resource: str, record_id: str) -> Select[Any]:
    same = (Record.connector == connector, Record.resource == resource, Record.record_id == record_id)
    return select(Record.__table__).where(*same).order_by(Record.id.desc())


def _older(one: str | None, other: str | None) -> bool:
    # Procore writes updated_at as ISO 8601 in UTC with a Z, so text order is time order.
    return bool(one and other and one < other)
