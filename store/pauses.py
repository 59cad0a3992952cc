"""Lanes that a person has paused or drains: what is in them stays due and is not taken. And how much of one runs at once."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection, delete, func, select

from store.events import insert
from store.lanes import in_force
from store.models import Fetch, Import, Limit, Pause, Run
from store.types import now


def put(db: Connection, lane: str, reason: str, by: str, until: dt.datetime | None, kind: str = "pause") -> None:
    values = {"reason": reason, "by": by, "until": until, "created_at": now(), "kind": kind}
    upsert = insert(db, Pause).values({"lane": lane, **values})
    db.execute(upsert.on_conflict_do_update(index_elements=["lane"], set_=values))


def take_away(db: Connection, lane: str) -> bool:
    """False when it was not paused."""
    return bool(list(db.execute(delete(Pause).where(Pause.lane == lane, in_force()).returning(Pause.lane))))


def every(db: Connection) -> list[Any]:
    """Pauses in force."""
    return list(db.execute(select(Pause.__table__).where(in_force()).order_by(Pause.lane)))


def left_to_drain(db: Connection, lane: str) -> int:
    """How much of what was in a lane when somebody began to drain it is not done."""
    since = select(Pause.created_at).where(Pause.lane == lane).scalar_subquery()
    counts = (
        select(func.count(work.id)).where(work.lane == lane, work.state.in_(("waiting", "running")), work.created_at <= since)
        for work in (Run, Fetch, Import)
    )
    return sum(db.scalar(one) or 0 for one in counts)


def limit(db: Connection, lane: str, most: int, reason: str, by: str) -> None:
    values = {"most": most, "reason": reason, "by": by, "created_at": now()}
    upsert = insert(db, Limit).values({"lane": lane, **values})
    db.execute(upsert.on_conflict_do_update(index_elements=["lane"], set_=values))


def unlimit(db: Connection, lane: str) -> bool:
    """False when it had no limit."""
    return db.execute(delete(Limit).where(Limit.lane == lane)).rowcount == 1


def limits(db: Connection) -> dict[str, dict[str, Any]]:
    """The limit of each lane that has one: most, reason, by, created_at."""
    return {row.lane: dict(row._mapping) for row in db.execute(select(Limit.__table__))}
