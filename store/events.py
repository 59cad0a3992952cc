"""Events, and the runs and fetches that sorting one makes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, case, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from config import spans
from store import gathering
from store.models import Event, Fetch, Run
from store.types import now

_SETTLE = update(Event.__table__).where(Event.id == bindparam("of_id"))  # type: ignore[arg-type]
_GET = select(Event.__table__).where(Event.id == bindparam("of_id"))
_TRACED = {"connector": "connector", "source": "source", "resource": "resource_name", "record": "resource_id", "action": "action"}


def insert(db: Connection, table: Any) -> Any:
    """The dialect's own INSERT, which knows ON CONFLICT."""
    return insert_of(db.dialect.name, table)


def insert_of(dialect: str, table: Any) -> Any:
    """The same, for statements that are built once."""
    return (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)


@cache
def _adding(dialect: str, table: Any, due: str = "") -> Any:
    """A row unless it is there already; `due` names the column that is set to now."""
    made = insert_of(dialect, table.__table__)
    return (made.values({due: now()}) if due else made).on_conflict_do_nothing().returning(table.id)


def add(db: Connection, values: Mapping[str, Any]) -> int | None:
    """Keep an event; None when its key is known already, whichever delivery brought it first."""
    about = {f"tieback.{name}": values.get(column) for name, column in _TRACED.items()}
    with spans.span("event", about=about) as span:
        kept = {**values, "traceparent": spans.current()}
        made = db.execute(_adding(db.dialect.name, Event), kept).first()
        span.set({"tieback.event": None if made is None else made.id, "tieback.known": True if made is None else None})
    return None if made is None else int(made.id)


def trace(db: Connection, id: int) -> str | None:
    """The `traceparent` that an event was kept with. Asks nothing while traces are off."""
    return db.scalar(select(Event.traceparent).where(Event.id == id)) if spans.on() else None


def by_key(db: Connection, connector: str, key: str) -> int | None:
    return db.scalar(select(Event.id).where(Event.connector == connector, Event.event_key == key))


def keys_like(db: Connection, connector: str, start: str) -> list[str]:
    """The keys of a connector's events that begin so."""
    same = (Event.connector == connector, Event.event_key >= start, Event.event_key < start + "\U0010ffff")
    return list(db.scalars(select(Event.event_key).where(*same)))


def announced(db: Connection, connector: str, key: str) -> int | None:
    """The event of this key when it was kept together with its delivery and waits to be sorted."""
    same = (Event.connector == connector, Event.event_key == key)
    return db.scalar(select(Event.id).where(*same, Event.state == "received"))


def settle(db: Connection, id: int, state: str, reason: str | None, reasons: Mapping[str, Any] | None) -> None:
    told = {"state": state, "reason": reason, "reasons": dict(reasons) if reasons else None}
    db.execute(_SETTLE, {"of_id": id, **told})


def get(db: Connection, id: int) -> Any | None:
    return db.execute(_GET, {"of_id": id}).first()


def of_connector(db: Connection, name: str, limit: int) -> list[Any]:
    """What was done to a connector, as the configuration events tell it; the newest first."""
    same = (Event.connector == name, Event.resource_name == "connector", Event.resource_id == name, Event.source == "config")
    return list(db.execute(select(Event.id, Event.created_at, Event.body).where(*same).order_by(Event.id.desc()).limit(limit)))


def of_delivery(db: Connection, delivery_id: int) -> list[Any]:
    return list(db.execute(select(Event.__table__).where(Event.delivery_id == delivery_id).order_by(Event.id)))


def add_run(db: Connection, values: Mapping[str, Any], *, due: bool) -> int | None:
    """Keep a run, due now or waiting for its fetch; None when this automation already has one for the event."""
    made = db.execute(_adding(db.dialect.name, Run, "run_after" if due else ""), dict(values)).first()
    return None if made is None else int(made.id)


def want_fetch(db: Connection, values: Mapping[str, Any], newest: dt.datetime) -> int:
    """The waiting fetch of a record, made or joined: due at once, or soon, together with others of its group.

    A new event starts the re-reads of one that is joined anew, and never makes it wait longer, or in a lower lane, than it
    would.
    """
    wanted = {**values, "newest": newest, "due_in_s": gathering.wait_s(db, values)}
    return int(db.execute(_wanting(db.dialect.name), wanted).one().id)


@cache
def _wanting(dialect: str) -> Any:
    statement = insert_of(dialect, Fetch.__table__).values(run_after=now(bindparam("due_in_s")))
    fresh = statement.excluded
    later = case((Fetch.newest < fresh.newest, fresh.newest), else_=Fetch.newest)
    sooner = case((Fetch.run_after < fresh.run_after, Fetch.run_after), else_=fresh.run_after)
    higher = case((_rank(Fetch.lane) <= _rank(fresh.lane), Fetch.lane), else_=fresh.lane)
    return statement.on_conflict_do_update(
        index_elements=["connector", "resource", "record_id"],
        # Written out: as a parameter PostgreSQL no longer finds the index once it has prepared the statement.
        index_where=text("state = 'waiting'"),
        set_={"newest": later, "run_after": sooner, "reread": 0, "attempt": 0, "rung_at": None, "lane": higher},
    ).returning(Fetch.id)


def _rank(lane: Any) -> Any:
    """The order of lanes as a number, the highest first."""
    return case((lane == "webhook", 0), (lane == "manual", 1), (lane == "schedule", 2), else_=3)
