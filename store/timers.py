"""Things to do at a time: a row each, promoted by the relay, claimed like any work."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select, update

from store import leases
from store.events import insert
from store.leases import Held
from store.models import Timer
from store.types import now


def arm(db: Connection, kind: str, subject: str, *, in_s: float, every_s: int | None = None) -> None:
    """Set a timer, or bring the one that is there forward to `in_s` seconds from now. A running one starts again when it ends."""
    values = {
        "kind": kind,
        "subject": subject,
        "every_s": every_s,
        "run_after": now(in_s),
        "state": "waiting",
        "lane": "schedule",
    }
    upsert = insert(db, Timer).values(values)
    again = {"run_after": now(in_s), "every_s": every_s, "state": "waiting", "rung_at": None}
    db.execute(upsert.on_conflict_do_update(index_elements=["kind", "subject"], set_=again))


def ensure(db: Connection, kind: str, subject: str, *, in_s: float, every_s: int) -> None:
    """Set a timer unless it is there."""
    values = {"kind": kind, "subject": subject, "every_s": every_s, "run_after": now(in_s), "lane": "schedule"}
    db.execute(insert(db, Timer).values(values).on_conflict_do_nothing())


def claim(db: Connection, id: int, holder: str) -> tuple[Held, Any] | None:
    held = leases.claim(db, Timer, id, holder)
    return None if held is None else (held, db.execute(select(Timer.__table__).where(Timer.id == id)).one())


def done(db: Connection, held: Held, row: Any, error: str | None) -> None:
    """Let go: for good, or until the next time. Raises: LostLease (armed anew meanwhile counts as that)."""
    if row.every_s is None and error is None:
        leases.finish(db, held, "ok", error=None)
    else:
        leases.put_back(db, held, float(row.every_s or 60), counts=False, error=error)


def disarm(db: Connection, subject: str) -> None:
    db.execute(update(Timer).where(Timer.subject == subject).values(state="ok", run_after=None))
