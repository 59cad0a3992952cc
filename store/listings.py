"""Lists for operators: newest first, plain dicts, never a secret."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, MetaData, Select, Table, and_, func, inspect, literal, select

from store.models import ApiToken, Call, Delivery, Effect, Event, Fetch, Record, Run, Timer


def events(db: Connection, *, limit: int, state: str | None = None, connector: str | None = None) -> list[dict[str, Any]]:
    """Deliveries from the moment they are kept, each with its event once it is sorted; and events without a delivery."""
    shown = func.coalesce(Event.state, Delivery.state)
    kept = select(
        Event.id.label("id"), Delivery.id.label("delivery_id"), Delivery.connector.label("connector"),
        func.coalesce(Event.event_key, Delivery.delivery_key).label("key"), shown.label("state"),
        func.coalesce(Event.reason, Delivery.reason).label("reason"), Event.reasons.label("reasons"),
        func.coalesce(Event.source, literal("webhook")).label("source"),
        Event.action, Event.resource_name, Event.resource_id, Event.company_id, Event.project_id, Event.user_id, Event.app_id,
        Event.payload_version, Event.timestamp, Delivery.received_at.label("received_at"),
    ).outerjoin(Event, Event.delivery_id == Delivery.id)  # fmt: skip
    alone = select(
        Event.id, Event.delivery_id, Event.connector, Event.event_key.label("key"), Event.state, Event.reason, Event.reasons,
        Event.source, Event.action, Event.resource_name, Event.resource_id, Event.company_id, Event.project_id, Event.user_id,
        Event.app_id, Event.payload_version, Event.timestamp, Event.created_at.label("received_at"),
    ).where(Event.delivery_id.is_(None))  # fmt: skip
    if state:
        kept, alone = kept.where(shown == state), alone.where(Event.state == state)
    if connector:
        kept, alone = kept.where(Delivery.connector == connector), alone.where(Event.connector == connector)
    rows = _dicts(db, kept.order_by(Delivery.id.desc()).limit(limit)) + _dicts(db, alone.order_by(Event.id.desc()).limit(limit))
    return sorted(rows, key=lambda row: row["received_at"], reverse=True)[:limit]


def event(db: Connection, id: int) -> dict[str, Any] | None:
    found = _dicts(
        db, select(Event.__table__, Delivery.raw).outerjoin(Delivery, Delivery.id == Event.delivery_id).where(Event.id == id)
    )
    return found[0] if found else None


def deliveries(db: Connection, *, limit: int, state: str | None = None, connector: str | None = None) -> list[dict[str, Any]]:
    """What came in by the door, without its bytes."""
    wanted = select(
        Delivery.id, Delivery.connector, Delivery.delivery_key, Delivery.state, Delivery.reason, Delivery.content_type,
        func.length(Delivery.raw).label("bytes"), Delivery.received_at, Delivery.sorted_at,
    ).order_by(Delivery.id.desc()).limit(limit)  # fmt: skip
    only = [Delivery.state == state] if state else []
    only += [Delivery.connector == connector] if connector else []
    return _dicts(db, wanted.where(*only))


def delivery(db: Connection, id: int) -> dict[str, Any] | None:
    found = _dicts(db, select(Delivery.__table__).where(Delivery.id == id))
    return found[0] if found else None


def runs(db: Connection, *, limit: int, **only: Any) -> list[dict[str, Any]]:
    """Runs with what set them off. `only` filters by column, such as `state` or `automation`."""
    wanted = (
        select(
            Run.id, Run.automation, Run.state, Run.stage, Run.trigger, Run.attempt, Run.reason, Run.error,
            Run.connector, Run.lane, Run.event_id, Event.action, Event.resource_name, Event.resource_id, Event.project_id,
            Run.created_at, Run.started_at, Run.finished_at, Run.run_after,
        )
        .join(Event, Event.id == Run.event_id)
        .where(*(getattr(Run, name) == value for name, value in only.items() if value is not None))
        .order_by(Run.id.desc())
        .limit(limit)
    )  # fmt: skip
    return _dicts(db, wanted)


def run(db: Connection, id: int) -> dict[str, Any] | None:
    found = _dicts(db, select(Run.__table__).where(Run.id == id))
    return found[0] if found else None


def calls(db: Connection, *, run_id: int | None = None, fetch_id: int | None = None) -> list[dict[str, Any]]:
    of = Call.run_id == run_id if fetch_id is None else (Call.run_id == run_id) | (Call.fetch_id == fetch_id)
    return _dicts(db, select(Call.__table__).where(of).order_by(Call.id))


def effects(db: Connection, *, limit: int, state: str | None = None) -> list[dict[str, Any]]:
    wanted = select(Effect.__table__, Run.automation).join(Run, Run.id == Effect.run_id).order_by(Effect.id.desc()).limit(limit)
    return _dicts(db, wanted.where(Effect.state == state) if state else wanted)


def copies(db: Connection, resource: str, record_id: str, connector: str | None, limit: int) -> list[dict[str, Any]]:
    same = [func.lower(Record.resource) == resource.lower(), Record.record_id == record_id]
    if connector:
        same.append(Record.connector == connector)
    return _dicts(db, select(Record.__table__).where(and_(*same)).order_by(Record.id.desc()).limit(limit))


def queues(db: Connection) -> list[dict[str, Any]]:
    """Depth per kind of work and state, for what is not finished."""
    found = []
    for what, work in (("fetches", Fetch), ("runs", Run), ("timers", Timer)):
        open_ = work.state.in_(("waiting", "running", "parked"))
        counted = select(work.lane, work.state, func.count().label("count")).where(open_).group_by(work.lane, work.state)
        found += [{"work": what, **row} for row in _dicts(db, counted)]
    waiting = db.scalar(select(func.count()).select_from(Delivery).where(Delivery.state == "received"))
    return [{"work": "deliveries", "lane": "webhook", "state": "received", "count": waiting or 0}, *found]


def table_rows(db: Connection, name: str, *, limit: int, id: str | None = None) -> list[dict[str, Any]]:
    """Rows of a users' table with the standard columns, last written first; none when the table is not there yet."""
    if not inspect(db).has_table(name):
        return []
    table = Table(name, MetaData(), autoload_with=db)
    wanted = select(table).order_by(table.c.fetched_at.desc()).limit(limit)
    return _dicts(db, wanted.where(table.c.id == id) if id is not None else wanted)


def api_tokens(db: Connection) -> list[dict[str, Any]]:
    columns = (ApiToken.id, ApiToken.name, ApiToken.scopes, ApiToken.created_at, ApiToken.revoked_at, ApiToken.used_at)
    wanted = select(*columns).order_by(ApiToken.id)
    return _dicts(db, wanted)


def _dicts(db: Connection, wanted: Select[*tuple[Any, ...]]) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in db.execute(wanted)]
