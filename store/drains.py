"""Worker processes that a person lets run empty."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, select

from store.events import insert
from store.models import Beat, Drain
from store.types import now


def put(db: Connection, holder: str, reason: str, by: str, *, ends: bool) -> None:
    values = {"reason": reason, "by": by, "ends": ends, "created_at": now()}
    upsert = insert(db, Drain).values({"holder": holder, **values})
    db.execute(upsert.on_conflict_do_update(index_elements=["holder"], set_=values))


def take_away(db: Connection, holder: str) -> bool:
    """False when it was not drained."""
    return db.execute(delete(Drain).where(Drain.holder == holder)).rowcount == 1


def of(db: Connection, holder: str) -> Any | None:
    return db.execute(select(Drain.__table__).where(Drain.holder == holder)).first()


def every(db: Connection) -> dict[str, dict[str, Any]]:
    return {row.holder: dict(row._mapping) for row in db.execute(select(Drain.__table__))}


def forget_gone(db: Connection) -> None:
    """Of processes that give no sign of life any more nothing is wanted."""
    db.execute(delete(Drain).where(Drain.holder.not_in(select(Beat.holder))))
