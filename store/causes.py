"""What runs failed for, and what people said of it. A cause is named by a digest of what its runs have in common."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, delete, func, select

from store.board import Only, ago
from store.board import of as of_connectors
from store.cause_names import cause_of as cause_of
from store.cause_names import of as of
from store.cause_names import told as told
from store.events import insert
from store.models import Cause, Run
from store.types import now

MOST_LATELY = 2000


def groups(db: Connection, only: Only, since_s: float) -> list[Any]:
    """(cause, automation, connector, count, first, last, newest) of the runs that were made within the last seconds."""
    made = (Run.cause.is_not(None), Run.created_at >= ago(db, since_s), *of_connectors(Run.connector, only))
    counted = select(
        Run.cause, Run.automation, Run.connector, func.count().label("runs"), func.min(Run.created_at).label("first"),
        func.max(Run.created_at).label("last"), func.max(Run.id).label("newest"),
    )  # fmt: skip
    return list(db.execute(counted.where(*made).group_by(Run.cause, Run.automation, Run.connector)))


def examples(db: Connection, ids: Collection[int]) -> dict[int, tuple[str, str]]:
    """By run, kind and message."""
    rows = db.execute(select(Run.id, Run.state, Run.reason, Run.error).where(Run.id.in_(ids)))
    return {row.id: told(row.state, row.reason, row.error) for row in rows}


def fresh(db: Connection, only: Only, cause: str, since: dt.datetime) -> int:
    """How many failed for it since then."""
    made = (Run.cause == cause, Run.created_at > since, *of_connectors(Run.connector, only))
    return db.scalar(select(func.count()).select_from(Run).where(*made)) or 0


def lately(db: Connection, since_s: float) -> list[Any]:
    """The newest runs that ended failed or put aside within the last seconds, with what tells their causes apart."""
    kind, message = Run.error["kind"].as_string().label("kind"), Run.error["message"].as_string().label("message")
    ended = (Run.state.in_(("failed", "parked")), Run.finished_at >= ago(db, since_s))
    wanted = select(Run.automation, Run.state, kind, message, Run.reason).where(*ended)
    return list(db.execute(wanted.order_by(Run.finished_at.desc()).limit(MOST_LATELY)))


def put(db: Connection, cause: str, state: str, note: str, by: str) -> None:
    values = {"state": state, "note": note, "by": by, "at": now()}
    upsert = insert(db, Cause).values({"cause": cause, **values})
    db.execute(upsert.on_conflict_do_update(index_elements=["cause"], set_=values))


def reopen(db: Connection, cause: str) -> None:
    db.execute(delete(Cause).where(Cause.cause == cause))


def every(db: Connection) -> dict[str, Any]:
    return {row.cause: row for row in db.execute(select(Cause.__table__))}
