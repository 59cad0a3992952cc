"""Reading a record again: claimed like any work, and what its runs learn from it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, exists, select, update
from sqlalchemy.orm import aliased

from store import leases
from store.leases import Held
from store.models import Fetch, Run
from store.types import now

_BLOCKED = (Run.state == "waiting", Run.run_after.is_(None))


def claim(db: Connection, id: int, holder: str) -> Held | None:
    """Take a due fetch, unless the same record is being read right now: the later read must end later."""
    other = aliased(Fetch)
    same = (other.connector == Fetch.connector, other.resource == Fetch.resource, other.record_id == Fetch.record_id)
    return leases.claim(db, Fetch, id, holder, ~exists().where(*same, other.state == "running"))


def get(db: Connection, id: int) -> Any:
    return db.execute(select(Fetch.__table__).where(Fetch.id == id)).one()


def next_of_record(db: Connection, row: Any) -> int | None:
    """The fetch of the same record that became due while `row` was running."""
    same = (Fetch.connector == row.connector, Fetch.resource == row.resource, Fetch.record_id == row.record_id)
    return db.scalar(select(Fetch.id).where(*same, Fetch.state == "waiting", Fetch.run_after <= now()))


def release_runs(db: Connection, fetch_id: int, before_id: int | None, after_id: int | None) -> list[tuple[int, str]]:
    """Pin the copies for the runs that wait for this fetch and make them due; (id, lane) of each.

    An automation runs once per copy: a run whose automation already has one for it is skipped and says which.
    """
    released = []
    for run in list(db.execute(select(Run.__table__).where(Run.fetch_id == fetch_id, *_BLOCKED).order_by(Run.id))):
        earlier = _has_seen(db, run, after_id)
        db.execute(update(Run).where(Run.id == run.id).values(before_id=before_id, after_id=after_id))
        if earlier is None:
            db.execute(update(Run).where(Run.id == run.id, *_BLOCKED).values(run_after=now()))
            released.append((run.id, run.lane))
        else:
            _close(db, run.id, "skipped", f"unchanged since run {earlier}")
    return released


def close_runs(db: Connection, fetch_id: int, state: str, reason: str, error: dict[str, Any] | None = None) -> None:
    """End the runs that wait for a fetch which cannot be had."""
    for id in list(db.scalars(select(Run.id).where(Run.fetch_id == fetch_id, *_BLOCKED))):
        _close(db, id, state, reason, error)


def _has_seen(db: Connection, run: Any, after_id: int | None) -> int | None:
    if after_id is None or run.lane == "manual":
        return None  # a person may ask for the same again
    seen = (Run.automation == run.automation, Run.record_key == run.record_key, Run.after_id == after_id)
    alive = Run.state.in_(("waiting", "running", "ok", "parked"))
    return db.scalar(select(Run.id).where(*seen, alive, Run.stage == run.stage, Run.id != run.id).order_by(Run.id).limit(1))


def _close(db: Connection, id: int, state: str, reason: str, error: dict[str, Any] | None = None) -> None:
    db.execute(
        update(Run)
        .where(Run.id == id, *_BLOCKED)
        .values(state=state, reason=reason, error=error, finished_at=now(), run_after=None)
    )
