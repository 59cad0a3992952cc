"""Claim, renew, finish and reap: one mechanism for everything that a worker holds for a while.

A claim is one conditional UPDATE that raises the fence. Whoever claims holds a `Held`; each later
write repeats its fence, so what a frozen or dead holder left behind matches nothing. Only the
database's clock counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Update, and_, bindparam, case, exists, or_, select, text, true, update
from sqlalchemy.orm import aliased

from config.errors import LostLease
from store import cause_names
from store.lanes import lane_is_open, limit_of, too_many
from store.models import Fetch, Import, Operation, Run, Timer
from store.types import now

Work = type[Run] | type[Fetch] | type[Timer] | type[Import] | type[Operation]
LEASE_S = 30
LOST_LIMIT = 5


@dataclass(frozen=True)
class Held:
    """A claim: this worker may act on row `id` as long as the row carries `fence`. `row` is the row as it was claimed."""

    work: Work
    id: int
    fence: int
    attempt: int
    row: Any = field(compare=False, repr=False)


def claim(db: Connection, work: Work, id: int, holder: str) -> Held | None:
    """Take a due row; None when it is not due, is held, or is finished (then there is nothing to do)."""
    taken = _claimed(db, work, [id], holder, due=True)
    return taken[0] if taken else None


def claim_many(db: Connection, work: Work, ids: list[int], holder: str) -> list[Held]:
    """Take those of the rows that wait, due or not, each with a fence of its own, in the order of their ids."""
    return _claimed(db, work, ids, holder, due=False) if ids else []


def _claimed(db: Connection, work: Work, ids: list[int], holder: str, due: bool) -> list[Held]:
    rows = db.execute(_claiming(work, due), {"ids": ids, "by": holder})
    taken = [Held(work, row.id, row.fence, row.attempt, row) for row in sorted(rows, key=lambda row: row.id)]
    return [one for one in taken if one.row.most is None or not _given_up(db, one)]


# Statements of the path of an event are built once: building one costs more time than sending it.
@cache
def _claiming(work: Work, due: bool) -> Any:
    may = [work.state == "waiting", _lane_is_open(work)]
    may += [work.run_after <= now()] if due else []
    may += [_not_being_read()] if work is Fetch else []
    taken = {
        "state": "running", "fence": work.fence + 1, "attempt": work.attempt + 1, "holder": bindparam("by"),
        "lease_until": now(LEASE_S), "rung_at": None,
    }  # fmt: skip
    wanted = update(work.__table__).where(work.id.in_(bindparam("ids", expanding=True)), *may)  # type: ignore[arg-type]
    return wanted.values(taken).returning(work.__table__, limit_of(work))


def _not_being_read() -> ColumnElement[bool]:
    """The same record is not being read right now: the later read must end later."""
    other = aliased(Fetch)
    same = (other.connector == Fetch.connector, other.resource == Fetch.resource, other.record_id == Fetch.record_id)
    return ~exists().where(*same, other.state == "running")


def _given_up(db: Connection, held: Held) -> bool:
    """Leave a row due as it was when its lane has no place left for it."""
    if not too_many(db, held.work, held.id):
        return False
    _held(db, held, state="waiting", attempt=held.attempt - 1, holder=None, lease_until=None)
    return True


def renew(db: Connection, held: Held, *, patient: bool = True) -> None:
    """Push the lease out, and prove inside this transaction that it is still ours. Raises: LostLease.

    `patient` False: rather fail (with lock timeout) than wait for a long transaction that has the row.
    """
    if not patient and db.dialect.name == "postgresql":
        db.execute(text("SET LOCAL lock_timeout = '2s'"))
    _held(db, held, moment=("lease_until", LEASE_S))


def still_ours(db: Connection, held: Iterable[Held]) -> list[Held]:
    """Renew many of one kind and return those that are ours: nobody takes them before the end of this transaction."""
    known = {(one.id, one.fence): one for one in held}
    if not known:
        return []
    work = next(iter(known.values())).work
    fenced = or_(*(and_(work.id == id, work.fence == fence) for id, fence in known))
    renewed = update(work).where(fenced, work.state == "running").values(lease_until=now(LEASE_S))
    return sorted(
        (known[row.id, row.fence] for row in db.execute(renewed.returning(work.id, work.fence))), key=lambda one: one.id
    )


def finish(db: Connection, held: Held, state: str, **values: Any) -> None:
    """Let go for good, in the transaction that keeps the outcome. Raises: LostLease."""
    let_go = {"state": state, "lease_until": None, "holder": None, "run_after": None}
    _held(db, held, moment=("finished_at", 0), **{**let_go, **values})


def put_back(db: Connection, held: Held, after_s: float, *, counts: bool, **values: Any) -> None:
    """Let go until `after_s` seconds from now. Raises: LostLease.

    `counts` False gives the attempt back: a wait is no failure.
    """
    due = None if "run_after" in values else ("run_after", after_s)
    let_go = {"state": "waiting", "lease_until": None, "holder": None, "rung_at": None, "lost": 0}
    _held(db, held, moment=due, **{**let_go, "attempt": held.attempt if counts else held.attempt - 1, **values})


def _held(db: Connection, held: Held, moment: tuple[str, float] | None = None, **values: Any) -> None:
    """Write to what is ours; `moment` is a column that is set to so many seconds from now."""
    column, seconds = moment or (None, 0.0)
    given = {"of_id": held.id, "of_fence": held.fence, **({"after_s": seconds} if column else {}), **values}
    if db.execute(_writing(held.work, column), given).rowcount != 1:
        raise LostLease(f"{held.work.__tablename__} {held.id}: the lease of fence {held.fence} has passed to somebody else")


@cache
def _writing(work: Work, moment: str | None) -> Update:
    mine = (work.id == bindparam("of_id"), work.fence == bindparam("of_fence"), work.state == "running")
    wanted = update(work.__table__).where(*mine)  # type: ignore[arg-type]
    return wanted.values({moment: now(bindparam("after_s"))}) if moment else wanted


def reap(db: Connection, work: Work) -> int:
    """Make rows whose holder vanished due again; after five such losses a run is parked, other work failed. Returns how many."""
    expired = select(work.id).where(work.state == "running", work.lease_until < now())
    # A row that is locked is being written by its holder right now: the next pass decides.
    ids = list(db.scalars(expired.order_by(work.id).with_for_update(skip_locked=True)))
    if not ids:
        return 0
    spent, parked = work.lost >= LOST_LIMIT, "parked" if work is Run else "failed"
    values: dict[Any, Any] = {
        work.lost: work.lost + 1,
        work.state: case((spent, parked), else_="waiting"),
        work.run_after: case((spent, None), else_=now()),
        work.finished_at: case((spent, now())),
        work.holder: None,
        work.lease_until: None,
        work.rung_at: None,
    }
    reason = f"put aside: it ended the worker {LOST_LIMIT + 1} times (killed, out of memory or frozen)"
    if work is not Timer:
        values[work.reason] = case((spent, reason), else_=work.reason)  # type: ignore[union-attr]
    if work is Run:
        values[Run.cause] = case((spent, cause_names.of(parked, reason, None)))
    return db.execute(update(work).where(work.id.in_(ids)).values(values)).rowcount


def to_ring(db: Connection, work: Work, *, limit: int, grace_s: float, again_after_s: float) -> list[tuple[int, str]]:
    """(id, lane) of due rows that nobody was rung for lately, oldest first; marks them as rung.

    Whoever makes a row due rings by itself; `grace_s` leaves it the time to, so that few are rung twice.
    """
    due = (
        select(work.id)
        .where(work.state == "waiting", work.run_after <= now(-grace_s), _lane_is_open(work))
        .where(or_(work.rung_at.is_(None), work.rung_at < now(-again_after_s)))
        .order_by(work.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(db.scalars(due))
    if not ids:
        return []
    rows = db.execute(update(work).where(work.id.in_(ids)).values(rung_at=now()).returning(work.id, work.lane))
    return sorted((row.id, row.lane) for row in rows)


def anything_due(db: Connection, work: Work) -> bool:
    """A cheap look before `to_ring` or `reap`: is there a due or an expired row?"""
    return db.scalar(_due(work)) is not None


@cache
def _due(work: Work) -> Select[Any]:
    due = (work.state == "waiting") & (work.run_after <= now()) & _lane_is_open(work)
    expired = (work.state == "running") & (work.lease_until < now())
    return select(work.id).where(or_(due, expired)).limit(1)


def oldest_due_s(db: Connection, work: Work) -> float:
    """How many seconds the longest-waiting due row of an open lane has been due; 0 when none is."""
    due = (work.state == "waiting", work.run_after <= now(), _lane_is_open(work))
    oldest = select(work.run_after, now().label("here")).where(*due).order_by(work.run_after).limit(1)
    row: Any = db.execute(oldest).first()
    return float((row.here - row.run_after).total_seconds()) if row is not None else 0.0


def _lane_is_open(work: Work) -> ColumnElement[bool]:
    """Our own chores (timers) are no lane's work: hooks are kept in order while a person holds everything else. Nor are
    operations: the runs that they make due wait in lanes of their own."""
    return true() if work in (Timer, Operation) else lane_is_open(work)
