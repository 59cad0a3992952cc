"""Records for which a trigger's condition holds: since when, and when it fires."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.orm import aliased

from store.events import insert
from store.models import Record, Watch
from store.types import now

_OF = ("automation", "trigger", "connector", "resource", "record_id")


def begin(db: Connection, of: Mapping[str, str], due_in_s: float) -> Any:
    """Watch a record; one that is watched already goes on as it is. Returns its row."""
    db.execute(insert(db, Watch).values({**of, "due_at": now(due_in_s)}).on_conflict_do_nothing())
    return db.execute(select(Watch.__table__).where(*(getattr(Watch, name) == of[name] for name in _OF))).one()


def end(db: Connection, of: Mapping[str, str]) -> None:
    """The condition no longer holds: next time it begins anew."""
    db.execute(delete(Watch).where(*(getattr(Watch, name) == of[name] for name in _OF)))


def of_record(db: Connection, connector: str, resource: str, record_id: str) -> list[Any]:
    same = (Watch.connector == connector, Watch.resource == resource, Watch.record_id == record_id)
    return list(db.execute(select(Watch.__table__).where(*same)))


def of_trigger(db: Connection, automation: str, trigger: str) -> dict[str, Any]:
    """By the id of the record."""
    same = (Watch.automation == automation, Watch.trigger == trigger)
    return {row.record_id: row for row in db.execute(select(Watch.__table__).where(*same))}


def due(db: Connection, automation: str, trigger: str, limit: int) -> list[Any]:
    same = (Watch.automation == automation, Watch.trigger == trigger, Watch.due_at <= now())
    return list(db.execute(select(Watch.__table__).where(*same).order_by(Watch.due_at).limit(limit)))


def next_due(db: Connection, automation: str, trigger: str) -> float | None:
    """In how many seconds the next one is due; None when none will be."""
    same = (Watch.automation == automation, Watch.trigger == trigger)
    row = db.execute(select(func.min(Watch.due_at), now()).where(*same)).one()
    return None if row[0] is None else max(0.0, (row[0] - row[1]).total_seconds())


def fired(db: Connection, id: int, again_in_s: float | None) -> None:
    again = None if again_in_s is None else now(again_in_s)
    db.execute(update(Watch).where(Watch.id == id).values(fired_at=now(), fired=Watch.fired + 1, due_at=again))


def forget(db: Connection, ids: Iterable[int]) -> None:
    db.execute(delete(Watch).where(Watch.id.in_(list(ids))))


def forget_others(db: Connection, automations: Mapping[str, set[str]]) -> None:
    """Drop what triggers watched that no longer watch, by automation."""
    for name, triggers in automations.items():
        db.execute(delete(Watch).where(Watch.automation == name, Watch.trigger.not_in(triggers)))


def newest_copies(
    db: Connection, connector: str, resource: str, *, after: str = "", projects: Iterable[str] | None = None, limit: int = 500
) -> list[Any]:
    """The newest copy of each record that is not deleted, by record id from `after` on: a page to walk through."""
    later = aliased(Record)
    same = (later.connector == Record.connector, later.resource == Record.resource, later.record_id == Record.record_id)
    wanted = (
        select(Record.__table__)
        .where(Record.connector == connector, Record.resource == resource, Record.record_id > after)
        .where(~select(later.id).where(*same, later.id > Record.id).exists(), Record.deleted_at.is_(None))
        .order_by(Record.record_id)
        .limit(limit)
    )
    if projects is not None:
        wanted = wanted.where(Record.project_id.in_(list(projects)))
    return list(db.execute(wanted))
