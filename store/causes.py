"""What people said of causes of failures. A cause is named by a digest that `console.verbs.failing` makes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, select

from store.events import insert
from store.models import Cause
from store.types import now


def put(db: Connection, cause: str, state: str, note: str, by: str) -> None:
    values = {"state": state, "note": note, "by": by, "at": now()}
    upsert = insert(db, Cause).values({"cause": cause, **values})
    db.execute(upsert.on_conflict_do_update(index_elements=["cause"], set_=values))


def reopen(db: Connection, cause: str) -> None:
    db.execute(delete(Cause).where(Cause.cause == cause))


def every(db: Connection) -> dict[str, Any]:
    return {row.cause: row for row in db.execute(select(Cause.__table__))}
