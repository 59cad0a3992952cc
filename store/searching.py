"""Runs, events and records as an operator looks for them: any filters together, newest first, page by page."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, LargeBinary, Select, Text, and_, cast, func, literal, or_, select

from store.board import Only, ago, of
from store.models import Approval, Delivery, Effect, Event, OperationItem, Record, Run

Dict = dict[str, Any]
# A search inside texts looks at so many rows at most; an answer in a second beats a whole one in a minute.
MOST_LOOKED_THROUGH = 20_000
_RUN = (
    Run.id, Run.automation, Run.state, Run.stage, Run.trigger, Run.attempt, Run.reason, Run.error, Run.connector, Run.lane,
    Run.event_id, Event.action, Event.resource_name, Event.resource_id, Event.project_id, Run.created_at, Run.started_at,
    Run.finished_at, Run.run_after,
)  # fmt: skip
_EVENT = (
    Event.id, Event.delivery_id, Event.connector, Event.event_key, Event.state, Event.reason, Event.source, Event.action,
    Event.resource_name, Event.resource_id, Event.company_id, Event.project_id, Event.user_id, Event.timestamp, Event.created_at,
    Event.reasons,
)  # fmt: skip


def runs(db: Connection, only: Only, limit: int, before: int | None = None, **asked: Any) -> list[Dict]:
    """`asked`: state (one or several), automation, connector, lane, event_id, cause, operation, ids, resource, record, project,
    text (in reason or error), hours, since, until, ended_since."""
    ids = run_ids(db, only, limit, before, **asked)  # first from indexes alone, so that only what is shown is read
    wanted = select(*_RUN).join(Event, Event.id == Run.event_id).where(Run.id.in_(ids))
    return _dicts(db, wanted.order_by(Run.id.desc())) if ids else []


def run_ids(db: Connection, only: Only, limit: int, before: int | None = None, **asked: Any) -> list[int]:
    """The ids of what `runs` finds. With `text_above`, words are looked for from that run on instead of among the newest."""
    wanted = _runs_alone(select(Run.id), asked).where(*_of_runs(db, only, before, asked))
    return list(db.scalars(wanted.order_by(Run.id.desc()).limit(limit)))


def run_count(db: Connection, only: Only, **asked: Any) -> tuple[int, int]:
    """How many runs `runs` finds in all, and the newest id among them; (0, 0) when it finds none."""
    counted = _runs_alone(select(func.count(), func.max(Run.id)).select_from(Run), asked)
    count, newest = db.execute(counted.where(*_of_runs(db, only, None, asked))).one()
    return int(count), int(newest or 0)


def text_above(db: Connection, of: type[Run | Event]) -> int:
    """The run or event before the first one whose words are looked at, as things stand now."""
    return int(db.scalar(select(_oldest_looked_at(of.id))) or 0)


def _runs_alone(wanted: Any, asked: Dict) -> Any:
    """Events are joined only where something of them is asked for."""
    return wanted.join(Event, Event.id == Run.event_id) if _about(asked) else wanted


def _of_runs(db: Connection, only: Only, before: int | None, asked: Dict) -> list[Any]:
    conditions = [
        *of(Run.connector, only),
        *_same(Run, asked, "state", "automation", "connector", "lane", "event_id", "cause"),
        *_about(asked),
        *_lately(db, Run.created_at, asked),
    ]
    if before is not None:
        conditions.append(Run.id < before)
    if asked.get("ids") is not None:
        conditions.append(Run.id.in_(asked["ids"]))
    if asked.get("operation"):
        conditions.append(Run.id.in_(select(OperationItem.run_id).where(OperationItem.operation_id == int(asked["operation"]))))
    if asked.get("ended_since") is not None:
        conditions.append(Run.finished_at >= asked["ended_since"])
    if asked.get("text"):
        above = asked["text_above"] if asked.get("text_above") is not None else _oldest_looked_at(Run.id)
        conditions += [Run.id > above, _holds(Run.reason, asked["text"]) | _holds(Run.error, asked["text"])]
    return conditions


def events(db: Connection, only: Only, limit: int, before: int | None = None, **asked: Any) -> list[Dict]:
    """`asked`: state, connector, source, action, resource, record, project, text (anywhere in what was sent), hours."""
    conditions = [*of(Event.connector, only), *([Event.id < before] if before is not None else [])]
    wanted = fitting_events(db, select(*_EVENT), asked).where(*conditions)
    return _dicts(db, wanted.order_by(Event.id.desc()).limit(limit))


def fitting_events(db: Connection, wanted: Any, asked: Dict) -> Any:
    """A select of events with the conditions of `events`. With `text_above`, words are looked for from that event on."""
    wanted = wanted.where(
        *_same(Event, asked, "state", "connector", "source", "action"), *_about(asked), *_lately(db, Event.created_at, asked)
    )
    if not asked.get("text"):
        return wanted
    above = asked["text_above"] if asked.get("text_above") is not None else _oldest_looked_at(Event.id)
    joined = wanted.outerjoin(Delivery, Delivery.id == Event.delivery_id)
    return joined.where(Event.id > above, _sent(db, asked["text"]))


def deliveries(db: Connection, only: Only, limit: int, before: int | None = None, **asked: Any) -> list[Dict]:
    """`asked`: state, connector, hours. Without the bytes."""
    wanted = select(
        Delivery.id, Delivery.connector, Delivery.delivery_key, Delivery.state, Delivery.reason, Delivery.content_type,
        func.length(Delivery.raw).label("bytes"), Delivery.received_at, Delivery.sorted_at,
    ).where(*of(Delivery.connector, only), *_same(Delivery, asked, "state", "connector"))  # fmt: skip
    wanted = wanted.where(*_lately(db, Delivery.received_at, asked), *([Delivery.id < before] if before is not None else []))
    return _dicts(db, wanted.order_by(Delivery.id.desc()).limit(limit))


def effects(db: Connection, only: Only, limit: int, before: int | None = None, **asked: Any) -> list[Dict]:
    """`asked`: state, run_id, automation."""
    wanted = select(Effect.__table__, Run.automation, Run.connector, Run.state.label("run_state"))
    wanted = wanted.join(Run, Run.id == Effect.run_id).where(*of(Run.connector, only))
    wanted = wanted.where(*_same(Effect, asked, "state", "run_id"), *_same(Run, asked, "automation"))
    wanted = wanted.where(*([Effect.id < before] if before is not None else []))
    return _dicts(db, wanted.order_by(Effect.id.desc()).limit(limit))


def approvals(
    db: Connection, only: Only, limit: int, before: int | None = None, *, state: str | None = None, id: int | None = None
) -> list[Dict]:
    """Questions of runs, the newest first."""
    wanted = select(Approval.__table__, Run.connector).join(Run, Run.id == Approval.run_id).where(*of(Run.connector, only))
    wanted = wanted.where(*_same(Approval, {"state": state, "id": id}, "state", "id"))
    wanted = wanted.where(*([Approval.id < before] if before is not None else []))
    return _dicts(db, wanted.order_by(Approval.id.desc()).limit(limit))


def records(db: Connection, only: Only, resource: str | None, text: str, limit: int) -> list[Dict]:
    """Records whose id, number, title or subject is this text: the newest copy of each."""
    named = [Record.body[name].as_string() == text for name in ("number", "title", "subject", "name", "position")]
    same = [or_(Record.record_id == text, *named), *of(Record.connector, only)]
    if resource is not None:
        same.append(Record.resource == resource)
    newest = select(func.max(Record.id)).where(*same).group_by(Record.connector, Record.resource, Record.record_id)
    wanted = select(Record.__table__).where(Record.id.in_(newest.order_by(func.max(Record.id).desc()).limit(limit)))
    return _dicts(db, wanted.order_by(Record.id.desc()))


def copies(db: Connection, connector: str, resource: str, record_id: str, limit: int) -> list[Dict]:
    """Our copies of one record, the newest first."""
    same = (Record.connector == connector, Record.resource == resource, Record.record_id == record_id)
    return _dicts(db, select(Record.__table__).where(*same).order_by(Record.id.desc()).limit(limit))


def _same(table: Any, asked: Mapping[str, Any], *names: str) -> list[Any]:
    given = [(getattr(table, name), asked[name]) for name in names if asked.get(name) is not None]
    return [column.in_(value) if isinstance(value, (list, tuple)) else column == value for column, value in given]


def _about(asked: Mapping[str, Any]) -> list[Any]:
    """Conditions on the record that an event speaks of."""
    found = []
    if asked.get("resource"):
        found.append(func.lower(Event.resource_name) == str(asked["resource"]).lower())
    if asked.get("record"):
        found.append(Event.resource_id == str(asked["record"]))
    if asked.get("project"):
        found.append(Event.project_id == str(asked["project"]))
    return found


def _lately(db: Connection, column: Any, asked: Mapping[str, Any]) -> list[Any]:
    since, until, hours = asked.get("since"), asked.get("until"), asked.get("hours")
    found = [] if not hours else [column >= ago(db, 3600.0 * float(hours))]
    found += [column >= since] if isinstance(since, dt.datetime) else []
    return found + ([column < until] if isinstance(until, dt.datetime) else [])


def _oldest_looked_at(id: Any) -> Any:
    return func.coalesce(select(func.max(id)).scalar_subquery(), 0) - MOST_LOOKED_THROUGH


def _holds(column: Any, text: str) -> Any:
    """Whether a text, or the JSON of a column, holds this anywhere, whatever its case."""
    inside = json.dumps(text)[1:-1]  # as JSON writes it, where that differs
    plain = func.lower(cast(column, Text))
    found = plain.contains(text.lower(), autoescape=True)
    return found if inside == text else or_(found, plain.contains(inside.lower(), autoescape=True))


def _sent(db: Connection, text: str) -> Any:
    """Whether what was sent holds this text: in the delivery's bytes, the event's key, or the body of an event of our own."""
    looked_for = literal(text.encode(), LargeBinary)
    place = (
        func.instr(Delivery.raw, looked_for) if db.dialect.name == "sqlite" else func.position(looked_for.op("IN")(Delivery.raw))
    )
    return or_(
        place > 0, Event.event_key == text, Event.resource_id == text, and_(Event.delivery_id.is_(None), _holds(Event.body, text))
    )


def _dicts(db: Connection, wanted: Select[*tuple[Any, ...]]) -> list[Dict]:
    return [dict(row._mapping) for row in db.execute(wanted)]
