"""Where we have no access now: a tool of a project, a whole project, or the company. Reads there wait instead of calling.

An empty `project_id` stands for the company, an empty `resource` for every resource there.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, delete, or_, select, update

from store.events import insert
from store.models import Fetch, Run, Unavailable
from store.types import now

SHORTEST_S = 300.0
LONGEST_S = 3600.0
# Who probes has so long to say what came of it; then another one does.
PROBE_S = 60.0

_HERE = select(Unavailable.__table__, now().label("here")).where(
    Unavailable.connector == bindparam("connector"),
    or_(
        and_(
            Unavailable.project_id == bindparam("project"),
            or_(Unavailable.resource == "", Unavailable.resource == bindparam("resource")),
        ),
        and_(Unavailable.project_id == "", Unavailable.resource == ""),
    ),
)


class Shut(NamedTuple):
    """Reads wait so many seconds; `since_s` is how long there has been no access."""

    wait_s: float
    since_s: float
    reason: str


def look(db: Connection, connector: str, project_id: str, resource: str) -> tuple[Shut | None, bool]:
    """Why a record there is not to be read now, if so; and whether there was no access so far, so that this read is a probe."""
    rows = _rows(db, connector, project_id, resource)
    held_up = [row for row in rows if not _probe(db, row)]
    return max((_shut(row) for row in held_up), default=None), bool(rows)


def close(db: Connection, connector: str, project_id: str, resource: str, reason: str) -> Shut:
    """No access now. The next look is after as long as it has lasted, but within five minutes to an hour."""
    place = {"connector": connector, "project_id": project_id, "resource": resource}
    fresh = insert(db, Unavailable).values({**place, "reason": reason, "until": now(SHORTEST_S)})
    db.execute(fresh.on_conflict_do_nothing())
    row = next(row for row in _rows(db, connector, project_id, resource) if _place(row) == tuple(place.values()))
    wait_s = min(LONGEST_S, max(SHORTEST_S, _seconds(row.since, row.here)))
    db.execute(update(Unavailable).where(*_is(row)).values(reason=reason, until=now(wait_s)))
    return Shut(wait_s, _seconds(row.since, row.here), reason)


def open_again(db: Connection, connector: str, project_id: str, resource: str) -> None:
    """A read succeeded there: what waited is due."""
    for row in _rows(db, connector, project_id, resource):
        db.execute(delete(Unavailable).where(*_is(row)))
        there = [Fetch.connector == connector, Fetch.state == "waiting", Fetch.reason == row.reason]
        db.execute(update(Fetch).where(*there).values(run_after=now(), rung_at=None, reason=None))


def put_off(db: Connection, rows: list[Any], shut: Shut) -> None:
    """Whatever else is due where these belong waits as well; the runs of all say why."""
    row = rows[0]
    same = (Fetch.connector == row.connector, Fetch.project_id == row.project_id, Fetch.resource == row.resource)
    due = and_(*same, Fetch.state == "waiting", Fetch.run_after <= now())
    ids = list(db.scalars(update(Fetch).where(due).values(run_after=now(shut.wait_s), reason=shut.reason).returning(Fetch.id)))
    blocked = (Run.fetch_id.in_([*ids, *(one.id for one in rows)]), Run.state == "waiting", Run.run_after.is_(None))
    db.execute(update(Run).where(*blocked).values(reason=shut.reason))


def listed(db: Connection, connector: str | None = None) -> list[Any]:
    """Every mark, for operators."""
    wanted = select(Unavailable.__table__).order_by(Unavailable.connector, Unavailable.project_id, Unavailable.resource)
    return list(db.execute(wanted if connector is None else wanted.where(Unavailable.connector == connector)))


def _rows(db: Connection, connector: str, project_id: str, resource: str) -> list[Any]:
    return list(db.execute(_HERE, {"connector": connector, "project": project_id, "resource": resource}))


def _probe(db: Connection, row: Any) -> bool:
    """True for the one who may try now; the conditional update decides between several."""
    if row.until > row.here:
        return False
    taken = update(Unavailable).where(*_is(row), Unavailable.until == row.until).values(until=now(PROBE_S))
    return db.execute(taken).rowcount == 1


def _shut(row: Any) -> Shut:
    return Shut(max(1.0, _seconds(row.here, row.until)), _seconds(row.since, row.here), row.reason)


def _seconds(first: Any, last: Any) -> float:
    return float((last - first).total_seconds())


def _place(row: Any) -> tuple[str, str, str]:
    return row.connector, row.project_id, row.resource


def _is(row: Any) -> tuple[Any, ...]:
    return Unavailable.connector == row.connector, Unavailable.project_id == row.project_id, Unavailable.resource == row.resource
