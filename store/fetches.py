"""Reading a record again: claimed like any work, and what its runs learn from it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, case, select, update
from sqlalchemy.exc import IntegrityError

from store import cause_names, events, leases
from store.leases import Held
from store.models import Fetch, Run
from store.types import now

_BLOCKED = (Run.state == "waiting", Run.run_after.is_(None))
_GET = select(Fetch.__table__).where(Fetch.id == bindparam("of_id"))
_SAME = tuple(getattr(Fetch, name) == bindparam(name) for name in ("connector", "resource", "record_id"))
_NEXT = select(Fetch.id).where(*_SAME, Fetch.state == "waiting", Fetch.run_after <= now())
_BEHIND = select(Run.__table__).where(Run.fetch_id == bindparam("fetch"), *_BLOCKED).order_by(Run.id)
_RELEASE = (
    update(Run.__table__)  # type: ignore[arg-type]
    .where(Run.id == bindparam("of_id"), *_BLOCKED)
    .values(run_after=now(), reason=None)
)
_SEEN = (
    select(Run.id)
    .where(*(getattr(Run, name) == bindparam(name) for name in ("automation", "record_key", "after_id", "stage")))
    .where(Run.state.in_(("waiting", "running", "ok", "parked")), Run.id != bindparam("but"))
    .order_by(Run.id)
    .limit(1)
)


def claim(db: Connection, id: int, holder: str) -> Held | None:
    """Take a due fetch, unless the same record is being read right now: the later read must end later."""
    return leases.claim(db, Fetch, id, holder)


def get(db: Connection, id: int) -> Any:
    return db.execute(_GET, {"of_id": id}).one()


def put_back(db: Connection, held: Held, row: Any, after_s: float, *, counts: bool, **values: Any) -> None:
    """Let go until later; or, when a newer event made a fetch of this record meanwhile, leave all to that one.

    Raises: LostLease.
    """
    try:
        with db.begin_nested():  # the unique index decides, since an event may be sorted at this moment
            leases.put_back(db, held, after_s, counts=counts, **values)
    except IntegrityError:
        heir = _waiting(db, row)
        if heir is None:
            raise
        leases.finish(db, held, "ok", reason=f"read by fetch {heir}, which came after it")
        _leave_to(db, row, heir, 0)


def reap(db: Connection) -> int:
    """As `leases.reap`; a read that ended its worker too often ends the runs that waited for it, with the cause."""
    expired = select(Fetch.__table__).where(Fetch.state == "running", Fetch.lease_until < now())
    abandoned = {row.id: row for row in db.execute(expired.with_for_update(skip_locked=True))}
    for row in abandoned.values():
        heir = _waiting(db, row)
        if heir is not None:
            db.execute(
                update(Fetch)
                .where(Fetch.id == row.id)
                .values(state="ok", finished_at=now(), run_after=None, fence=Fetch.fence + 1)
            )
            _leave_to(db, row, heir, row.lost + 1)
    reaped = leases.reap(db, Fetch)
    for failed in db.execute(select(Fetch.id, Fetch.reason).where(Fetch.id.in_(abandoned), Fetch.state == "failed")):
        close_runs(db, failed.id, "parked", f"the record was not read: {failed.reason}")
    return reaped


def _waiting(db: Connection, row: Any) -> int | None:
    return db.scalar(select(Fetch.id).where(*_same_record(row), Fetch.state == "waiting"))


def _same_record(row: Any) -> tuple[ColumnElement[bool], ...]:
    return Fetch.connector == row.connector, Fetch.resource == row.resource, Fetch.record_id == row.record_id


def _leave_to(db: Connection, row: Any, heir: int, lost: int) -> None:
    """Its runs wait for the heir now, which inherits how often the record has ended a worker."""
    db.execute(update(Run).where(Run.fetch_id == row.id, *_BLOCKED).values(fetch_id=heir))
    more = case((Fetch.lost < lost, lost), else_=Fetch.lost)
    db.execute(update(Fetch).where(Fetch.id == heir).values(lost=more))


def again(db: Connection, fetch_id: int) -> int:
    """A fetch of the same record that is due now, for a run which a person wants tried again."""
    row = get(db, fetch_id)
    names = ("connector", "resource", "company_id", "project_id", "record_id", "parent", "event_id")
    return events.want_fetch(db, {name: getattr(row, name) for name in names}, row.newest)


def next_of_record(db: Connection, row: Any) -> int | None:
    """The fetch of the same record that became due while `row` was running."""
    return db.scalar(_NEXT, {name: getattr(row, name) for name in ("connector", "resource", "record_id")})


def parent_of(db: Connection, row: Any) -> dict[str, Any] | None:
    """What an earlier event said this record belongs to: only v3.0 payloads tell it."""
    told = select(Fetch.parent).where(*_same_record(row), Fetch.parent.is_not(None), Fetch.project_id == row.project_id)
    return db.scalar(told.order_by(Fetch.id.desc()).limit(1))


def found_parent(db: Connection, id: int, parent_id: str | None) -> None:
    db.execute(update(Fetch).where(Fetch.id == id).values(parent={"id": parent_id, "name": ""}))


def release_runs(db: Connection, fetch_id: int, before_id: int | None, after_id: int | None) -> list[tuple[int, str]]:
    """Pin the copies for the runs that wait for this fetch and make them due; (id, lane) of each.

    An automation runs once per copy: a run whose automation already has one for it is skipped and says which.
    """
    released = []
    for run in list(db.execute(_BEHIND, {"fetch": fetch_id})):
        earlier = _has_seen(db, run, after_id)
        pinned: dict[str, Any] = {"before_id": before_id, "after_id": after_id}
        if earlier is None:
            db.execute(_RELEASE, {"of_id": run.id, **pinned})
            released.append((run.id, run.lane))
        else:
            _close(db, run.id, "skipped", f"unchanged since run {earlier}", **pinned)
    return released


def give_up(db: Connection, held: Held, row: Any, state: str, reason: str, error: dict[str, Any] | None = None) -> None:
    """The record cannot be had: end the runs that wait for it. Raises: LostLease."""
    leases.finish(db, held, "failed", reason=reason[:500])
    close_runs(db, row.id, state, reason[:500], error)


def close_runs(db: Connection, fetch_id: int, state: str, reason: str, error: dict[str, Any] | None = None) -> None:
    """End the runs that wait for a fetch which cannot be had."""
    for id in list(db.scalars(select(Run.id).where(Run.fetch_id == fetch_id, *_BLOCKED))):
        _close(db, id, state, reason, error)


def _has_seen(db: Connection, run: Any, after_id: int | None) -> int | None:
    if after_id is None or run.lane == "manual":
        return None  # a person may ask for the same again
    of = {"automation": run.automation, "record_key": run.record_key, "stage": run.stage, "but": run.id}
    return db.scalar(_SEEN, {**of, "after_id": after_id})


def _close(db: Connection, id: int, state: str, reason: str, error: dict[str, Any] | None = None, **values: Any) -> None:
    ended = {
        "state": state,
        "reason": reason,
        "error": error,
        "cause": cause_names.of(state, reason, error),
        "finished_at": now(),
    }
    db.execute(update(Run).where(Run.id == id, *_BLOCKED).values(**ended, **values))
