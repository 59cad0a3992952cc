"""Whether the work of a lane may be taken: a condition that every claim and every ring carries."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select
from sqlalchemy.orm import aliased

from store.models import Fetch, Import, Limit, Pause, Run
from store.types import now

MOST_NEXT = 20


def in_force() -> ColumnElement[bool]:
    return or_(Pause.until.is_(None), Pause.until > now())


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


def one_by_one(db: Connection, work: Any, id: int) -> None:
    """Until the end of the transaction nobody else takes work of a lane that has a limit: two could both see the last place.

    SQLite has one writer anyway.
    """
    if db.dialect.name == "postgresql" and work in (Run, Import):
        lane = select(work.lane).where(work.id == id).scalar_subquery()
        db.execute(select(Limit.lane).where(Limit.lane == lane).with_for_update())


def next_in_line(db: Connection, work: Any, lane: str) -> list[int]:
    """The oldest due rows of a lane with a limit, as many as may run at once: whoever lets go of a place rings for them."""
    most = db.scalar(select(Limit.most).where(Limit.lane == lane))
    if most is None:
        return []
    due = select(work.id).where(work.state == "waiting", work.run_after <= now(), work.lane == lane, lane_is_open(work))
    return list(db.scalars(due.order_by(work.id).limit(min(most, MOST_NEXT))))
