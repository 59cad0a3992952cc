"""Lanes that a person has paused: what is in them stays due and is not taken."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection, delete, select

from store.events import insert
from store.lanes import in_force
from store.models import Pause
from store.types import now


def put(db: Connection, lane: str, reason: str, by: str, until: dt.datetime | None) -> None:
    values = {"reason": reason, "by": by, "until": until, "created_at": now()}
    upsert = insert(db, Pause).values({"lane": lane, **values})
    db.execute(upsert.on_conflict_do_update(index_elements=["lane"], set_=values))


def take_away(db: Connection, lane: str) -> bool:
    """False when it was not paused."""
    return bool(list(db.execute(delete(Pause).where(Pause.lane == lane, in_force()).returning(Pause.lane))))


def every(db: Connection) -> list[Any]:
    """Pauses in force."""
    return list(db.execute(select(Pause.__table__).where(in_force()).order_by(Pause.lane)))
