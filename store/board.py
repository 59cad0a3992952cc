"""Counts and ages for the console's first screen. `only` names connectors; None stands for all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Integer, cast, exists, func, literal, select

from store.models import Approval, Audit, Automation, Delivery, Effect, Event, Fetch, Hook, Import, Run, SiteFile
from store.types import now

Only = Collection[str] | None
MOST_COUNTED = 1000
LATELY = 5000
MARKED = ("program updated", "automation activated", "automation retired", "connector added", "connector updated",
          "connector removed")  # fmt: skip
_WORK = (("runs", Run), ("fetches", Fetch), ("imports", Import))


def ago(db: Connection, seconds: float) -> dt.datetime:
    """A moment that long ago by the database's clock, as a value: behind a function that changes no index is of use."""
    return clock(db) - dt.timedelta(seconds=seconds)


class Theirs(frozenset[str]):
    """The connectors that somebody of some `companies` may see. What one of them brought while it led to another company is
    not theirs all the same.
    """

    companies: frozenset[str]

    def __new__(cls, connectors: Collection[str], companies: Collection[str]) -> Theirs:
        made = super().__new__(cls, connectors)
        made.companies = frozenset(companies)
        return made

    def sees(self, connector: str, company: str) -> bool:
        return connector in self and company in (*self.companies, "")


def of(column: Any, only: Only) -> list[Any]:
    """Conditions on the connector, and on the company where it is told; none for those who see all."""
    if only is None:
        return []
    found = [column.in_(sorted(only))]
    if not isinstance(only, Theirs):
        return found
    companies, table = [*sorted(only.companies), ""], column.class_
    if hasattr(table, "company_id"):
        found.append(table.company_id.in_(companies))
    elif table is Run:
        theirs = select(Event.id).where(Event.id == Run.event_id, Event.company_id.in_(companies))
        found.append(exists(theirs.correlate(Run)))  # also where the query around it has the event already
    return found


def clock(db: Connection) -> dt.datetime:
    moment: dt.datetime = db.execute(select(now())).scalar_one()
    return moment


def lanes(db: Connection) -> dict[str, dict[str, Any]]:
    """For each lane with open work: how much waits, is due, runs, and since when the oldest of it is due."""
    found: dict[str, dict[str, Any]] = {}
    for what, work in _WORK:
        waiting = select(work.lane, func.count().label("count")).where(work.state == "waiting").group_by(work.lane)
        due = (
            select(work.lane, func.count().label("count"), func.min(work.run_after).label("oldest"))
            .where(work.state == "waiting", work.run_after <= now())
            .group_by(work.lane)
        )
        running = select(work.lane, func.count().label("count")).where(work.state == "running").group_by(work.lane)
        for lane, count in db.execute(waiting):
            _lane(found, lane)["waiting"][what] = count
        for lane, count in db.execute(running):
            _lane(found, lane)["running"][what] = count
        for lane, count, oldest in db.execute(due):
            one = _lane(found, lane)
            one["due"] += count
            one["oldest"] = oldest if one["oldest"] is None else min(one["oldest"], oldest or one["oldest"])
    return found


def _lane(found: dict[str, dict[str, Any]], lane: str) -> dict[str, Any]:
    return found.setdefault(lane, {"waiting": {}, "running": {}, "due": 0, "oldest": None})


def unsorted(db: Connection) -> tuple[int, dt.datetime | None]:
    """How many deliveries wait to be sorted, and since when."""
    row = db.execute(select(func.count(), func.min(Delivery.received_at)).where(Delivery.state == "received")).one()
    return int(row[0]), row[1]


def last_deliveries(db: Connection, names: Collection[str]) -> dict[str, dt.datetime]:
    """When a delivery of Procore last came in, for each of these connectors that had one."""
    found = {}
    for name in names:
        newest = select(Delivery.received_at).where(Delivery.connector == name).order_by(Delivery.id.desc()).limit(1)
        if (moment := db.scalar(newest)) is not None:
            found[name] = moment
    return found


def finished(db: Connection, since_s: float, bucket_s: int, only: Only) -> list[tuple[int, str, int]]:
    """(Unix seconds at which a bucket begins, state, how many runs ended so in it) since `since_s` seconds ago."""
    if db.dialect.name == "sqlite":
        start: Any = cast(func.strftime("%s", Run.finished_at), Integer) // literal(bucket_s, Integer) * bucket_s
    else:  # in whole numbers; `extract` would make a decimal of each moment
        start = func.date_bin(dt.timedelta(seconds=bucket_s), Run.finished_at, dt.datetime.fromtimestamp(0, dt.UTC))
    lately = (Run.finished_at >= ago(db, since_s), *of(Run.connector, only))
    rows = db.execute(select(start, Run.state, func.count()).where(*lately).group_by(start, Run.state))
    return [(int(at.timestamp() if isinstance(at, dt.datetime) else at), state, count) for at, state, count in rows]


def changes(db: Connection, since_s: float) -> list[tuple[dt.datetime, str]]:
    """When the program, an automation or a connector was changed, and how: marks for the plots, the newest hundred."""
    lately = select(Audit.id).order_by(Audit.id.desc()).limit(LATELY)
    same = (Audit.id.in_(lately), Audit.verb.in_(MARKED), Audit.at >= ago(db, since_s))
    wanted = select(Audit.at, Audit.verb, Audit.subject).where(*same).order_by(Audit.id.desc()).limit(100)
    return [(row.at, f"{row.verb} {row.subject}") for row in reversed(list(db.execute(wanted)))]


def count(db: Connection, what: str, only: Only) -> int:
    """How many there are, counted to a thousand at most: what is more is too much anyway."""
    run_of = select(Effect.id).join(Run, Run.id == Effect.run_id)
    wanted = {
        "failed lately": select(Run.id).where(Run.state == "failed", Run.finished_at >= ago(db, 3600), *of(Run.connector, only)),
        "parked": select(Run.id).where(Run.state == "parked", *of(Run.connector, only)),
        # While its run is not over nobody need look: it is tried again, or looked up, by itself.
        "uncertain": run_of.where(
            Effect.state == "uncertain", Run.state.not_in(("waiting", "running")), *of(Run.connector, only)
        ),
        "asks": select(Approval.id)
        .join(Run, Run.id == Approval.run_id)
        .where(Approval.state == "open", *of(Run.connector, only)),
        "quarantined lately": select(Delivery.id).where(
            Delivery.state == "quarantined", Delivery.received_at >= ago(db, 86_400), *of(Delivery.connector, only)
        ),
    }[what]
    return db.scalar(select(func.count()).select_from(wanted.limit(MOST_COUNTED).subquery())) or 0


def broken(db: Connection) -> list[tuple[str, str]]:
    """(automation or file, message) of what does not load."""
    rules = select(Automation.name, Automation.broken).where(Automation.broken.is_not(None), Automation.state != "removed")
    files = select(SiteFile.path, SiteFile.broken).where(SiteFile.broken.is_not(None))
    return [(row[0], str(row[1])) for query in (rules, files) for row in db.execute(query)]


def paused_automations(db: Connection) -> list[str]:
    return list(db.scalars(select(Automation.name).where(Automation.state == "paused").order_by(Automation.name)))


def held_versions(db: Connection) -> list[tuple[str, dict[str, Any], bool]]:
    """(automation, who holds its version and why, whether its file says something else)."""
    held = (Automation.held.is_not(None), Automation.state != "removed")
    rows = db.execute(select(Automation.name, Automation.held, Automation.offered_id).where(*held).order_by(Automation.name))
    return [(row.name, row.held, row.offered_id is not None) for row in rows]


def hooks_amiss(db: Connection, only: Only) -> list[Any]:
    """Subscriptions that are not as they should be."""
    amiss = Hook.status.in_(("disabled", "missing", "vanished"))
    return list(db.execute(select(Hook.__table__).where(Hook.removed_at.is_(None), amiss, *of(Hook.connector, only))))


def events_lately(db: Connection, since_s: float, only: Only) -> dict[str, int]:
    """How many events of each state came within the last seconds."""
    counted = select(Event.state, func.count()).where(Event.created_at >= ago(db, since_s), *of(Event.connector, only))
    return {row[0]: row[1] for row in db.execute(counted.group_by(Event.state))}
