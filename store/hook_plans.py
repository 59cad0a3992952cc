"""Plans of hooks that runs made. They hold no secret."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from store.events import insert
from store.models import HookPlan


def add(db: Connection, run_id: int, step: str, changes: dict[str, Any]) -> int:
    """`changes` by connector."""
    made = insert(db, HookPlan).values(run_id=run_id, step=step[:200], changes=changes).returning(HookPlan.id)
    return int(db.execute(made).one().id)


def get(db: Connection, id: int) -> Any | None:
    return db.execute(select(HookPlan.__table__).where(HookPlan.id == id)).first()
