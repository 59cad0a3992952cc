"""Things to do at a time: a row each, promoted by the relay, claimed like any work."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, case, select, update

from store import leases
from store.events import insert
from store.leases import Held
from store.models import Timer
from store.types import now


def arm(db: Connection, kind: str, subject: str, *, in_s: float, every_s: int | None = None) -> None:
    """Set a timer, or move the one that is there to `in_s` seconds from now.

    One that is running is not started a second time beside itself: `done` finds the new time.
    """
    values = {
        "kind": kind,
        "subject": subject,
        "every_s": every_s,
        "run_after": now(in_s),
        "state": "waiting",
        "lane": "schedule",
    }
    upsert = insert(db, Timer).values(values)
    state = case((Timer.state == "running", "running"), else_="waiting")
    again = {"run_after": now(in_s), "every_s": every_s, "state": state, "rung_at": None, "lost": 0}
    db.execute(upsert.on_conflict_do_update(index_elements=["kind", "subject"], set_=again))


def ensure(db: Connection, kind: str, subject: str, *, in_s: float, every_s: int) -> None:
    """Set a timer unless it is there; one that was disarmed or put aside is set anew."""
    fresh = {"every_s": every_s, "run_after": now(in_s), "state": "waiting", "lost": 0, "rung_at": None}
    upsert = insert(db, Timer).values({"kind": kind, "subject": subject, "lane": "schedule", **fresh})
    over = Timer.state.not_in(("waiting", "running"))
    db.execute(upsert.on_conflict_do_update(index_elements=["kind", "subject"], set_=fresh, where=over))


def sooner(db: Connection, kind: str, subject: str, *, in_s: float) -> None:
    """Bring a timer that is set forward to `in_s` seconds from now; nothing happens where there is none."""
    alive = (Timer.kind == kind, Timer.subject == subject, Timer.state.in_(("waiting", "running")))
    db.execute(update(Timer).where(*alive, Timer.run_after > now(in_s)).values(run_after=now(in_s), rung_at=None))


def claim(db: Connection, id: int, holder: str) -> tuple[Held, Any] | None:
    held = leases.claim(db, Timer, id, holder)
    return None if held is None else (held, db.execute(select(Timer.__table__).where(Timer.id == id)).one())


def done(db: Connection, held: Held, row: Any, error: str | None) -> None:
    """Let go: for good, or until the next time; armed anew meanwhile, until then. Raises: LostLease."""
    armed = db.scalar(select(Timer.run_after).where(Timer.id == held.id).with_for_update())
    if armed != row.run_after:
        leases.put_back(db, held, 0.0, counts=False, error=error, run_after=armed)
    elif row.every_s is None and error is None:
        leases.finish(db, held, "ok", error=None)
    else:
        leases.put_back(db, held, float(row.every_s or 60), counts=False, error=error)


def disarm(db: Connection, subject: str) -> None:
    db.execute(update(Timer).where(Timer.subject == subject).values(state="ok", run_after=None))


def late_s(db: Connection, kind: str, subject: str) -> float:
    """For how many seconds this timer has been due; below zero while it is not, 0 when there is none."""
    due = db.execute(select(Timer.run_after, now()).where(Timer.kind == kind, Timer.subject == subject)).first()
    return 0.0 if due is None or due[0] is None else float((due[1] - due[0]).total_seconds())


def late(db: Connection, kinds: Sequence[str], by_s: float) -> list[int]:
    """Timers of these kinds that wait and have been due for so long, or whose holder has vanished."""
    waits = (Timer.state == "waiting") & (Timer.run_after < now(-by_s))
    return list(db.scalars(select(Timer.id).where(Timer.kind.in_(kinds), waits).order_by(Timer.id)))


def due_at(db: Connection, kind: str, subject: str) -> dt.datetime | None:
    """When a timer that is set is due; None when there is none."""
    return db.scalar(select(Timer.run_after).where(Timer.kind == kind, Timer.subject == subject))


_CLOCK = select(now())


def clock(db: Connection) -> dt.datetime:
    """The database's time, which all that is timed goes by."""
    moment: dt.datetime = db.execute(_CLOCK).scalar_one()
    return moment
