"""When triggers are due next; a row for each trigger and zone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, select, update

from store.events import insert
from store.models import Schedule, Timer
from store.types import now

KIND = "schedule"


def keep(db: Connection, name: str, values: Mapping[str, Any], next_at: dt.datetime) -> bool:
    """Know a schedule. One that is written as before keeps its time; another one begins at `next_at`. True when it began."""
    row = get(db, name)
    if row is not None and row.written == values["written"]:
        return False
    # Times that another plan would have had before now were never planned.
    fresh = {**values, "next_at": next_at, "last_at": None, "reason": None, "created_at": now()}
    made = insert(db, Schedule).values({"name": name, **fresh})
    db.execute(made.on_conflict_do_update(index_elements=["name"], set_=fresh))
    return True


def get(db: Connection, name: str) -> Any | None:
    return db.execute(select(Schedule.__table__).where(Schedule.name == name)).first()


def every(db: Connection) -> list[Any]:
    return list(db.execute(select(Schedule.__table__).order_by(Schedule.next_at, Schedule.name)))


def of_automation(db: Connection, automation: str) -> list[Any]:
    return list(db.execute(select(Schedule.__table__).where(Schedule.automation == automation).order_by(Schedule.name)))


def moved(db: Connection, name: str, last_at: dt.datetime, next_at: dt.datetime, reason: str | None) -> None:
    db.execute(update(Schedule).where(Schedule.name == name).values(last_at=last_at, next_at=next_at, reason=reason))


def hold(db: Connection, name: str, held: Mapping[str, Any] | None) -> None:
    db.execute(update(Schedule).where(Schedule.name == name).values(held=None if held is None else dict(held)))


def arm(db: Connection, name: str, at: dt.datetime) -> None:
    """Let the relay ring at this time, or at once when it has passed."""
    values = {"kind": KIND, "subject": name, "every_s": None, "run_after": at, "state": "waiting", "lane": "schedule"}
    again = {"run_after": at, "state": "waiting", "rung_at": None, "lost": 0, "error": None}
    made = insert(db, Timer).values(values)
    # One that is being worked on finds its next time by itself.
    db.execute(made.on_conflict_do_update(index_elements=["kind", "subject"], set_=again, where=Timer.state != "running"))


def forget(db: Connection, name: str) -> None:
    db.execute(delete(Schedule).where(Schedule.name == name))
    db.execute(update(Timer).where(Timer.kind == KIND, Timer.subject == name).values(state="ok", run_after=None))
