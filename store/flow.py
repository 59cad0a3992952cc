"""Runs in each other's way: events that gather into one, runs of the same key, how many went on lately.

Whoever decides holds the lock of the automation and key until the end of the transaction, so two never both go on.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, and_, case, func, or_, select, text, update

from store import imports
from store.events import insert
from store.models import Event, Run, RunEvent
from store.types import now

MOST_KEY = 150
# Under way: it went on and has not ended. What a person must settle keeps nobody waiting.
_UNDER_WAY = and_(Run.entered_at.is_not(None), Run.state.in_(("waiting", "running")))
# Let go again by its holder because of another one.
_STANDS = and_(Run.entered_at.is_(None), Run.state.in_(("waiting", "running")))


def stored(key: str) -> str:
    """A key as it is kept: itself, or a digest when it is long."""
    return key if len(key) <= MOST_KEY else "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def gather(
    db: Connection, values: Mapping[str, Any], key: str, *, quiet_s: float, max_wait_s: float, most: int, keep_first: bool
) -> tuple[int, int]:
    """Let an event join the run that gathers for its key, or make one. Returns the run's id and how many it has now.

    `values` are the columns of the run. It is due when nothing came for `quiet_s`, or after `max_wait_s`, or when it is full.
    """
    row = {**values, "group_key": stored(key), "gather_until": now(max_wait_s), "run_after": now(min(quiet_s, max_wait_s))}
    statement = insert(db, Run).values(row)
    fresh = statement.excluded
    later = case((Run.gather_until < now(quiet_s), Run.gather_until), else_=now(quiet_s))
    shown = {} if keep_first else {name: fresh[name] for name in ("event_id", "record_key", "trigger", "before_id")}
    statement = statement.on_conflict_do_update(
        index_elements=["automation", "group_key"],
        index_where=text("group_key IS NOT NULL"),
        set_={"run_after": later, "gathered": Run.gathered + 1, "rung_at": None, **shown},
    ).returning(Run.id, Run.gathered)
    made = db.execute(statement).one()
    of = {"run_id": made.id, "event_id": values["event_id"], "automation": values["automation"]}
    db.execute(insert(db, RunEvent).values(of).on_conflict_do_nothing())
    if made.gathered >= most:
        db.execute(update(Run).where(Run.id == made.id).values(group_key=None, run_after=now()))
    return int(made.id), int(made.gathered)


def gathered(db: Connection, run_id: int) -> list[Any]:
    """The events of a run that gathered them, oldest first."""
    joined = select(Event.__table__).join(RunEvent, RunEvent.event_id == Event.id).where(RunEvent.run_id == run_id)
    return list(db.execute(joined.order_by(Event.id)))


def alone(db: Connection, automation: str, key: str) -> None:
    """Nobody else decides about this key until the end of the transaction; SQLite has one writer anyway."""
    if db.dialect.name == "postgresql":
        db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"flow/{automation}/{key}", 0))))


def under_way(db: Connection, automation: str, key: str, but: int) -> list[int]:
    """The ids of other runs of this key that went on and have not ended, oldest first."""
    same = (Run.automation == automation, Run.overlap_key == key, Run.id != but)
    return list(db.scalars(select(Run.id).where(*same, _UNDER_WAY).order_by(Run.id)))


def standing(db: Connection, automation: str, key: str, but: int) -> list[int]:
    """The ids of other runs of this key that wait for their turn, oldest first."""
    same = (Run.automation == automation, Run.overlap_key == key, Run.id != but)
    return list(db.scalars(select(Run.id).where(*same, _STANDS).order_by(Run.id)))


def keep_keys(db: Connection, run_id: int, overlap_key: str | None, throttle_key: str | None) -> None:
    db.execute(update(Run).where(Run.id == run_id).values(overlap_key=overlap_key, throttle_key=throttle_key))


def entered(db: Connection, run_id: int, digest_until: dt.datetime | None) -> None:
    db.execute(update(Run).where(Run.id == run_id).values(entered_at=now(), digest_until=digest_until))


def superseded(db: Connection, ids: list[int], reason: str) -> None:
    """End runs that wait for their turn; one that somebody holds finds out by itself."""
    ended = {"state": "skipped", "reason": reason, "finished_at": now(), "run_after": None}
    db.execute(update(Run).where(Run.id.in_(ids), Run.state == "waiting", Run.entered_at.is_(None)).values(ended))


def ask_to_end(db: Connection, ids: list[int], reason: str) -> None:
    """Ask runs under way to end before their next step; those that only wait end now."""
    ended = {"state": "cancelled", "reason": reason, "finished_at": now(), "run_after": None}
    for id in db.scalars(update(Run).where(Run.id.in_(ids), Run.state == "waiting").values(ended).returning(Run.id)).all():
        imports.cancel_of_run(db, id, f"run {id} was cancelled: {reason}")
    db.execute(update(Run).where(Run.id.in_(ids), Run.state == "running").values(cancel_asked=reason))


def asked_to_end(db: Connection, run_id: int) -> str | None:
    return db.scalar(select(Run.cancel_asked).where(Run.id == run_id))


def went_on(db: Connection, automation: str, key: str, within_s: float, most: int) -> tuple[int, float]:
    """How many runs of a key went on within the last seconds (counted to `most`), and in how many the oldest falls out."""
    same = (Run.automation == automation, Run.throttle_key == key, Run.entered_at > now(-within_s), Run.digest_until.is_(None))
    rows = list(db.execute(select(Run.entered_at, now().label("here")).where(*same).order_by(Run.entered_at.desc()).limit(most)))
    if not rows:
        return 0, 0.0
    left = within_s - (rows[-1].here - rows[-1].entered_at).total_seconds()
    return len(rows), max(0.0, left)


def overlap_key(db: Connection, run_id: int) -> str | None:
    return db.scalar(select(Run.overlap_key).where(Run.id == run_id))


def wake(db: Connection, automation: str, key: str) -> list[tuple[int, str]]:
    """A run of this key has ended: the one that waits longest for its turn is due. (id, lane) to ring for."""
    first = (
        select(Run.id)
        .where(Run.automation == automation, Run.overlap_key == key, Run.entered_at.is_(None), Run.state == "waiting")
        .where(or_(Run.run_after.is_not(None), Run.fetch_id.is_(None)))
        .order_by(Run.id)
        .limit(1)
    )
    woken = update(Run).where(Run.id.in_(first.scalar_subquery()), Run.run_after > now()).values(run_after=now(), rung_at=None)
    return [(row.id, row.lane) for row in db.execute(woken.returning(Run.id, Run.lane))]
