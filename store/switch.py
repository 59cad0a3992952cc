"""The switch that holds back every change outside: one row, read in the transaction in which each of them is written down."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, select, update

from store import definitions
from store.models import Run
from store.types import now

FACT = "effects_paused"
HELD = "changes outside are paused"


def state(db: Connection) -> dict[str, Any] | None:
    """`by`, `at` and `reason`; None when nothing is held."""
    kept = definitions.fact(db, FACT)
    found: dict[str, Any] | None = json.loads(kept) if kept.startswith("{") else None
    return found


def held(db: Connection) -> str | None:
    """The sentence for what waits; None when nothing is held."""
    found = state(db)
    return None if found is None else f"{HELD} by {found['by']}: {found['reason']}"


def pause(db: Connection, by: str, reason: str) -> None:
    at = db.scalar(select(now()))
    assert at is not None
    definitions.set_fact(db, FACT, json.dumps({"by": by, "reason": reason, "at": at.isoformat(timespec="seconds")}))


def resume(db: Connection) -> int:
    """Let changes go out again; how many runs that waited for it are due now."""
    definitions.set_fact(db, FACT, "")
    waiting = (Run.state == "waiting", Run.reason.startswith(HELD))
    return db.execute(update(Run).where(*waiting).values(run_after=now(), rung_at=None, reason=None)).rowcount
