"""What runs failed for, and what people said of it. A cause is named by a digest of what its runs have in common."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from sqlalchemy import Connection, delete, select

from store.board import ago
from store.events import insert
from store.models import Cause, Run
from store.types import now

MOST_LATELY = 2000
# What differs between two failures of one cause: ids, numbers, hashes, what stands in quotation marks.
_VARIES = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{12,}\b|\d+|\"[^\"]*\"|'[^']*'")


def cause_of(kind: str, message: str) -> str:
    """The name of a cause; equal for messages that differ in ids and numbers alone."""
    text = kind + "\n" + _VARIES.sub("#", message.split("\n", 1)[0])[:400]
    return hashlib.sha256(text.encode()).hexdigest()[:16]


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
