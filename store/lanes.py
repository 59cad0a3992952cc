"""Whether the work of a lane may be taken: a condition that every claim and every ring carries."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, exists, func, null, or_, select
from sqlalchemy.orm import aliased

from store.models import Fetch, Import, Limit, Pause, Run
from store.types import now

MOST_NEXT = 20


def in_force() -> ColumnElement[bool]:
    return or_(Pause.until.is_(None), Pause.until > now())


@cache
def lane_is_open(work: Any) -> ColumnElement[bool]:
    """A condition on rows of `work`. A lane that is drained is open for what was there before.

    Reads are held back by the quota and not by a lane's limit: a hundred of them may be one request.
    """
    came_later = or_(Pause.kind == "pause", work.created_at > Pause.created_at)
    held = exists(select(Pause.lane).where(Pause.lane == work.lane, in_force(), came_later))
    taken = ~held if work is Fetch else and_(~held, ~_full(work.lane))
    return or_(work.through, taken) if work in (Run, Fetch) else taken


def _full(lane: Any) -> ColumnElement[bool]:
    return exists(select(Limit.lane).where(Limit.lane == lane, Limit.most <= _busy(Limit.lane)))


def _busy(lane: Any) -> Any:
    """How many runs and imports of a lane are being worked on."""
    both: tuple[Any, ...] = (aliased(Run), aliased(Import))
    counted = [
        select(func.count(one.id)).where(one.state == "running", one.lane == lane).correlate(Limit).scalar_subquery()
        for one in both
    ]
    return counted[0] + counted[1]


@cache
def limit_of(work: Any) -> Any:
    """The limit of a row's lane, or null, as a column beside it; reads have none."""
    if work not in (Run, Import):
        return null().label("most")
    return select(Limit.most).where(Limit.lane == work.lane).correlate(work).scalar_subquery().label("most")


def too_many(db: Connection, work: Any, id: int) -> bool:
    """Whether the row that this transaction has just taken is one more than its lane may work on.

    Two workers may both have seen the last place: each asks after its own claim, one behind the other, and the second sees
    what the first has committed. SQLite has one writer anyway.
    """
    if db.dialect.name != "postgresql":
        return False
    row = db.execute(_limited(work), {"id": id}).first()
    return row is not None and (db.scalar(select(_busy(row.lane))) or 0) > row.most


@cache
def _limited(work: Any) -> Any:
    mine = select(work.lane).where(work.id == bindparam("id"), *([~Run.through] if work is Run else [])).scalar_subquery()
    return select(Limit.lane, Limit.most).where(Limit.lane == mine).with_for_update()


_MOST = select(Limit.most).where(Limit.lane == bindparam("lane"))


def next_in_line(db: Connection, work: Any, lane: str) -> list[int]:
    """The oldest due rows of a lane with a limit, as many as may run at once: whoever lets go of a place rings for them."""
    most = db.scalar(_MOST, {"lane": lane})
    if most is None:
        return []
    due = select(work.id).where(work.state == "waiting", work.run_after <= now(), work.lane == lane, lane_is_open(work))
    return list(db.scalars(due.order_by(work.id).limit(min(most, MOST_NEXT))))
