"""What is kept of an event and an automation, for telling why they met or did not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, or_, select

from store.models import Approval, Audit, Automation, Event, Fetch, Record, Run, RunEvent, Version, Watch

LATELY = 20_000


class Around(NamedTuple):
    """Ids of the copies before and after a moment. `read` says that the one after was read because of what happened then."""

    before_id: int | None
    after_id: int | None
    read: bool


def run_of(db: Connection, event_id: int, automation: str) -> Any | None:
    """The run that this automation had for the event, by itself or gathered with others; a replay's comes last."""
    joined = select(RunEvent.run_id).where(RunEvent.event_id == event_id, RunEvent.automation == automation)
    mine = or_(Run.event_id == event_id, Run.id.in_(joined))
    return db.execute(select(Run.__table__).where(Run.automation == automation, mine).order_by(Run.id).limit(1)).first()


def gathered(db: Connection, run_id: int) -> list[int]:
    return list(db.scalars(select(RunEvent.event_id).where(RunEvent.run_id == run_id).order_by(RunEvent.event_id)))


def pinned(db: Connection, event_id: int) -> Around | None:
    """The copies that any run of this event worked with."""
    wanted = select(Run.before_id, Run.after_id).where(
        Run.event_id == event_id, or_(Run.before_id.is_not(None), Run.after_id.is_not(None))
    )
    row = db.execute(wanted.order_by(Run.id).limit(1)).first()
    return None if row is None else Around(row.before_id, row.after_id, row.after_id is not None)


def around(db: Connection, connector: str, resource: str, record_id: str, moment: dt.datetime) -> Around:
    """The nearest copies: the first one read after the moment and the one before it, else the last one on both sides."""
    of = (Record.connector == connector, Record.resource == resource, Record.record_id == record_id)
    earlier = db.scalar(select(Record.id).where(*of, Record.fetched_at <= moment).order_by(Record.id.desc()).limit(1))
    later = db.scalar(select(Record.id).where(*of, Record.fetched_at > moment).order_by(Record.id).limit(1))
    return Around(earlier, later or earlier, later is not None)


def automation(db: Connection, name: str) -> Any | None:
    """The automation whatever its state, with the version that it has now."""
    wanted = select(Automation.__table__, Version.hash, Version.file, Version.source)
    return db.execute(wanted.outerjoin(Version, Version.id == Automation.version_id).where(Automation.name == name)).first()


def names(db: Connection) -> list[str]:
    return list(db.scalars(select(Automation.name).order_by(Automation.name)))


def versions(db: Connection, name: str) -> list[Any]:
    """Every text there was, newest first."""
    return list(db.execute(select(Version.__table__).where(Version.automation == name).order_by(Version.id.desc())))


def doings(db: Connection, name: str, verbs: Iterable[str], until: dt.datetime) -> list[Any]:
    """What was done to an automation before a moment, newest first."""
    same = (Audit.subject == name, Audit.verb.in_(list(verbs)), Audit.at <= until)
    return list(db.execute(select(Audit.__table__).where(*same).order_by(Audit.id.desc()).limit(20)))


def fetch(db: Connection, id: int | None) -> Any | None:
    return None if id is None else db.execute(select(Fetch.__table__).where(Fetch.id == id)).first()


def questions(db: Connection, run_id: int) -> list[Any]:
    return list(db.execute(select(Approval.__table__).where(Approval.run_id == run_id).order_by(Approval.id)))


def watching(db: Connection, automation: str, connector: str, resource: str, record_id: str) -> list[Any]:
    same = (Watch.automation == automation, Watch.connector == connector, Watch.resource == resource)
    return list(db.execute(select(Watch.__table__).where(*same, Watch.record_id == record_id).order_by(Watch.id)))


def event(db: Connection, id: int) -> Any | None:
    return db.execute(select(Event.__table__).where(Event.id == id)).first()


def last_doings(db: Connection, verb: str) -> dict[str, Any]:
    """By subject, the last time that this was done to it."""
    newest = select(func.max(Audit.id)).where(Audit.verb == verb).group_by(Audit.subject)
    return {row.subject: row for row in db.execute(select(Audit.__table__).where(Audit.id.in_(newest)))}


def last_runs(db: Connection, automations: Iterable[str]) -> dict[str, Any]:
    """By automation, its newest run: looked for among the newest of all first, so that a million older ones cost nothing."""
    lately = select(Run.id, Run.automation).order_by(Run.id.desc()).limit(LATELY).subquery()
    newest = select(lately.c.automation, func.max(lately.c.id).label("id")).group_by(lately.c.automation)
    ids = {row.automation: row.id for row in db.execute(newest)}
    for name in automations:
        if name not in ids and (id := db.scalar(select(func.max(Run.id)).where(Run.automation == name))) is not None:
            ids[name] = id
    columns = (Run.id, Run.automation, Run.state, Run.created_at)
    return {row.automation: row for row in db.execute(select(*columns).where(Run.id.in_(ids.values())))}
