"""What the metrics page counts: figures of the whole installation, each by an index or over a small table."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection, case, func, select, text

from store.board import ago, clock
from store.models import Alert, Approval, Automation, Connector, Delivery, Effect, Hook, Import, Run, Schedule, SiteFile
from store.types import now

Counted = list[tuple[str, str, int]]


def runs_open(db: Connection) -> Counted:
    """(automation, state, count) of what waits, runs or is parked."""
    open_ = Run.state.in_(("waiting", "running", "parked"))
    return _pairs(db, select(Run.automation, Run.state, func.count()).where(open_).group_by(Run.automation, Run.state))


def runs_finished(db: Connection, since_s: float) -> Counted:
    """(automation, state, count) of what ended within the last seconds."""
    lately = Run.finished_at >= ago(db, since_s)
    return _pairs(db, select(Run.automation, Run.state, func.count()).where(lately).group_by(Run.automation, Run.state))


def _pairs(db: Connection, query: Any) -> Counted:
    return [(str(first), str(second), int(count)) for first, second, count in db.execute(query)]


def deliveries_lately(db: Connection, since_s: float) -> dict[str, int]:
    lately = Delivery.received_at >= ago(db, since_s)
    query = select(Delivery.state, func.count()).where(lately).group_by(Delivery.state)
    return {row[0]: row[1] for row in db.execute(query)}


def schedules(db: Connection, late_s: float) -> tuple[int, int, float]:
    """How many there are, how many of them are later than `late_s`, and how late the latest is."""
    late = case((Schedule.next_at < now(-late_s), 1))
    row = db.execute(select(func.count(), func.count(late), func.min(Schedule.next_at))).one()
    return int(row[0]), int(row[1]), _age(db, row[2])


def approvals(db: Connection) -> tuple[int, float]:
    """How many questions are open, and how old the oldest of them is."""
    count, oldest = db.execute(select(func.count(), func.min(Approval.created_at)).where(Approval.state == "open")).one()
    return int(count), _age(db, oldest)


def _age(db: Connection, moment: dt.datetime | None) -> float:
    return 0.0 if moment is None else max(0.0, (clock(db) - moment).total_seconds())


def alerts(db: Connection) -> Counted:
    """(kind, `new` or `seen`, count) of those that are open."""
    seen = case((Alert.acked_at.is_(None), "new"), else_="seen")
    return _pairs(db, select(Alert.kind, seen, func.count()).where(Alert.state == "open").group_by(Alert.kind, seen))


def hooks(db: Connection) -> Counted:
    """(connector, status, count) of subscriptions that are not removed."""
    there = Hook.removed_at.is_(None)
    return _pairs(db, select(Hook.connector, Hook.status, func.count()).where(there).group_by(Hook.connector, Hook.status))


def connectors(db: Connection) -> list[tuple[str, str]]:
    """(name, state) of those that are not removed."""
    rows = db.execute(select(Connector.name, Connector.state).where(Connector.state != "removed").order_by(Connector.name))
    return [(row[0], row[1]) for row in rows]


def automations(db: Connection) -> dict[str, int]:
    rows = db.execute(select(Automation.state, func.count()).where(Automation.state != "removed").group_by(Automation.state))
    return {row[0]: row[1] for row in rows}


def broken_files(db: Connection) -> int:
    rules = select(func.count()).select_from(Automation).where(Automation.broken.is_not(None), Automation.state != "removed")
    files = select(func.count()).select_from(SiteFile).where(SiteFile.broken.is_not(None))
    return (db.scalar(rules) or 0) + (db.scalar(files) or 0)


def effects(db: Connection) -> dict[str, int]:
    """How many changes outside are not settled: intended only, or uncertain."""
    open_ = Effect.state.in_(("intent", "uncertain"))
    return {row[0]: row[1] for row in db.execute(select(Effect.state, func.count()).where(open_).group_by(Effect.state))}


def imports_open(db: Connection) -> dict[str, int]:
    open_ = Import.state.in_(("waiting", "running"))
    return {row[0]: row[1] for row in db.execute(select(Import.state, func.count()).where(open_).group_by(Import.state))}


def database_bytes(db: Connection) -> int:
    """As large as the database is on its disk."""
    if db.dialect.name == "postgresql":
        return int(db.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
    pages = db.execute(text("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"))
    return int(pages.scalar_one())
