"""The quota's state of each connector: read without a lock, and put in place only if nobody else came between."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, func, select, text, update

from store.events import insert
from store.models import Call, Quota
from store.types import now

_GET = select(now(), Quota.state, Quota.version).select_from(Quota).where(Quota.connector == bindparam("of"))
_PUT = update(Quota.__table__).where(Quota.connector == bindparam("of"), Quota.version == bindparam("at"))  # type: ignore[arg-type]
_UNSYNCED = text("SET LOCAL synchronous_commit = off")


def get(db: Connection, connector: str) -> tuple[Any, int, float]:
    """The state (None when there is none yet), its version, and the database's time in Unix seconds."""
    row = db.execute(_GET, {"of": connector}).first()
    if row is None:
        moment = db.execute(select(now())).scalar_one()
        return None, 0, moment.timestamp()
    return row.state, row.version, row[0].timestamp()


def put(db: Connection, connector: str, state: dict[str, Any], version: int) -> bool:
    """Replace the state of this version; 0 makes the first one. False when another process was quicker."""
    if db.dialect.name == "postgresql":
        # A state lost in a crash is learned again from the next answer, so nobody waits for the disk.
        db.execute(_UNSYNCED)
    if version == 0:
        first = insert(db, Quota).values(connector=connector, state=state, version=1).on_conflict_do_nothing()
        return db.execute(first.returning(Quota.version)).first() is not None
    return db.execute(_PUT, {"of": connector, "at": version, "state": state, "version": version + 1}).rowcount == 1


def connectors(db: Connection) -> list[str]:
    """Those whose quota is known."""
    return list(db.execute(select(Quota.connector).order_by(Quota.connector)).scalars())


def calls_of_last_hour(db: Connection) -> list[Any]:
    """How many calls each connector made, by lane and status; both may be None."""
    recent = select(Call.connector, Call.lane, Call.status, func.count().label("calls")).where(Call.at >= now(-3600.0))
    return list(db.execute(recent.group_by(Call.connector, Call.lane, Call.status).order_by(Call.connector, Call.lane)))
