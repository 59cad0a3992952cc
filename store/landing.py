"""A page of a list, kept whole in one transaction: copies in `tieback_records`, rows in the user's table.

A list may be thinner or staler than the record itself. What says nothing new against the newest copy changes
nothing; what does keeps those fields of the newest copy that the list lacks.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Subquery, Table, bindparam, func, select, update

from store import many, tables
from store.models import Record
from store.records import alone
from store.types import Instant, now

Json = dict[str, Any]
_LONGEST = 64  # what our own columns hold


@dataclass(frozen=True)
class Place:
    """Where the records of a list belong. `lacks` are top-level fields that the list does not have or has stale."""

    connector: str
    company_id: str
    project_id: str
    resource: str
    table: str
    lacks: tuple[str, ...] = ()


@dataclass
class Landed:
    """How many of a page were new, changed, as they were; and how many could not be kept, having no usable id.

    `table` is where they are, for the next page.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    nameless: int = 0
    table: Table | None = None


@dataclass
class _One:
    """What stands for a record in the end: from the list, from the copy, or from both."""

    body: Json
    hash: str
    updated_at: str | None
    keep: bool = True
    lost: bool = False


@dataclass
class _Page:
    ones: dict[str, _One] = field(default_factory=dict)
    nameless: int = 0


def land(
    db: Connection, at: Place, records: Sequence[Json], hash_of: Callable[[Json], str], table: Table | None = None
) -> Landed:
    """Keep what a page of a list shows. Repeating it changes nothing; an older `updated_at` never replaces a newer one.

    `table` is what an earlier page told, when it may be used again.

    Raises: Permanent when the user's table cannot take the rows.
    """
    page = _page(records, hash_of)
    if not page.ones:
        return Landed(nameless=page.nameless, table=table)
    moment = db.scalar(select(now()))
    assert isinstance(moment, dt.datetime)
    alone(db, at.connector, at.resource, page.ones)
    known = _newest(db, at, list(page.ones))
    _against_copies(db, at, page, known, moment, hash_of)
    _keep_copies(db, at, page, known, moment)
    rows = [_row(at, id, one, moment) for id, one in page.ones.items() if not one.lost]
    if rows:
        table = table if table is not None else tables.ready(db, at.table, rows)
    outcomes = tables.upsert_many(db, table, rows) if table is not None and rows else {}
    return _counted(page, outcomes, table)


def _page(records: Sequence[Json], hash_of: Callable[[Json], str]) -> _Page:
    page = _Page()
    for record in records:
        id = id_of(record)
        if id is None:
            page.nameless += 1
        else:
            page.ones[id] = _One(record, hash_of(record), _updated_at(record))
    return page


def id_of(record: Mapping[str, Any]) -> str | None:
    """The record's id as text; None when it has none that our tables could hold."""
    id = record.get("id")
    if isinstance(id, bool) or not isinstance(id, (int, str)) or not 0 < len(str(id)) <= _LONGEST or "\x00" in str(id):
        return None
    return str(id)


def _updated_at(record: Mapping[str, Any]) -> str | None:
    found = record.get("updated_at")
    return found if isinstance(found, str) and len(found) <= _LONGEST and _moment(found) is not None else None


def _moment(text: str | None) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=dt.UTC)


_RECORDS: Table = Record.__table__  # type: ignore[assignment]
_COPY = (Record.id, Record.record_id, Record.record_hash, Record.updated_at, Record.deleted_at)


def _newest(db: Connection, at: Place, ids: list[str]) -> dict[str, Any]:
    same = (Record.connector == at.connector, Record.resource == at.resource)
    if db.dialect.name == "postgresql":
        newest = many.each_by_key(_COPY, Record.record_id, ids, *same, first=Record.id.desc())
        return {row.record_id: row for row in db.execute(newest)}
    last = select(func.max(Record.id)).where(*same, Record.record_id.in_(ids)).group_by(Record.record_id)
    return {row.record_id: row for row in db.execute(select(*_COPY).where(Record.id.in_(last)))}


def _against_copies(
    db: Connection, at: Place, page: _Page, known: Mapping[str, Any], moment: dt.datetime, hash_of: Callable[[Json], str]
) -> None:
    """Decide what stands: the list's record, the newest copy, or the one completed by the other."""
    differing = [id for id, copy in known.items() if page.ones[id].hash != copy.record_hash]
    bodies = _bodies(db, [known[id].id for id in differing])
    for id, copy in known.items():
        one = page.ones[id]
        if copy.id in bodies:
            one = _settled(one, copy, bodies[copy.id], at.lacks, hash_of)
        gone = copy.deleted_at
        one.lost = gone is not None and moment - gone <= tables.STALE and not _later(one.updated_at, gone)
        one.keep = not one.lost and (one.hash != copy.record_hash or gone is not None)
        page.ones[id] = one


def _settled(one: _One, copy: Any, body: Json, lacks: tuple[str, ...], hash_of: Callable[[Json], str]) -> _One:
    if one.updated_at and copy.updated_at and one.updated_at < copy.updated_at:
        return _One(body, copy.record_hash, copy.updated_at)
    kept = {key: value for key, value in body.items() if key in lacks or key not in one.body}
    if not kept:
        return one
    whole = {**one.body, **kept}
    return _One(whole, hash_of(whole), one.updated_at)


def _later(updated_at: str | None, moment: dt.datetime) -> bool:
    changed = _moment(updated_at)
    return changed is not None and changed > moment


def _bodies(db: Connection, ids: list[int]) -> dict[int, Json]:
    if not ids:
        return {}
    return {row.id: row.body for row in db.execute(select(Record.id, Record.body).where(Record.id.in_(ids)))}


def _keep_copies(db: Connection, at: Place, page: _Page, known: Mapping[str, Any], moment: dt.datetime) -> None:
    of = {"connector": at.connector, "resource": at.resource, "company_id": at.company_id}
    fresh = [
        {
            **of,
            "project_id": at.project_id or _project_in(one.body),
            "record_id": id,
            "record_hash": one.hash,
            "updated_at": one.updated_at,
            "body": one.body,
            "fetched_at": moment,
            "seen_at": moment,
        }
        for id, one in page.ones.items()
        if id not in known or one.keep
    ]
    if fresh:
        many.add(db, _RECORDS, fresh)
    seen = [copy.id for id, copy in known.items() if not page.ones[id].keep and not page.ones[id].lost]
    if seen:
        db.execute(update(Record).where(Record.id.in_(seen)).values(seen_at=moment))


def _project_in(body: Mapping[str, Any]) -> str:
    """A company's record that names a project tells it to events that do not."""
    project = body.get("project")
    found = project.get("id") if isinstance(project, dict) else body.get("project_id")
    return str(found or "")[:_LONGEST]


def _row(at: Place, id: str, one: _One, moment: dt.datetime) -> Json:
    return {
        "connector": at.connector,
        "company_id": at.company_id,
        "project_id": at.project_id or _project_in(one.body),
        "id": id,
        "updated_at": _moment(one.updated_at),
        "deleted_at": None,
        "fetched_at": moment,
        "event_id": None,
        "run_id": None,
        "record_hash": one.hash,
        "body": one.body,
    }


def _counted(page: _Page, outcomes: Mapping[str, str], table: Table | None) -> Landed:
    landed = Landed(nameless=page.nameless, table=table)
    for id, one in page.ones.items():
        outcome = outcomes.get(id, "older")
        if outcome == "inserted":
            landed.new += 1
        elif outcome == "updated" or (one.keep and outcome == "unchanged"):
            landed.changed += 1
        else:
            landed.unchanged += 1
    return landed


def count(db: Connection, at: Place, since: dt.datetime) -> tuple[int, int]:
    """(known, unseen) of a list: records that are not deleted, and those of them that were not seen since then."""
    alive = _alive(at)
    known, seen = db.execute(select(func.count(), func.count().filter(alive.c.seen_at >= since)).select_from(alive)).one()
    return known, known - seen


def next_unseen(db: Connection, at: Place, since: dt.datetime, after: str, limit: int) -> list[tuple[str, Json]]:
    """(record_id, body) of the next ones behind `after` that were not seen since then, in the order of their ids as text."""
    alive = _alive(at, Record.record_id > after)
    wanted = select(alive.c.id, alive.c.record_id).where(alive.c.seen_at < since).order_by(alive.c.record_id).limit(limit)
    found = list(db.execute(wanted))
    bodies = _bodies(db, [row.id for row in found])
    return [(row.record_id, bodies[row.id]) for row in found]


def unseen_of(db: Connection, at: Place, since: dt.datetime, ids: Sequence[str]) -> list[str]:
    """Those of these ids that are known, not deleted, and were not seen since then."""
    alive = _alive(at, Record.record_id.in_(ids))
    return list(db.scalars(select(alive.c.record_id).where(alive.c.seen_at < since))) if ids else []


def _alive(at: Place, *only: ColumnElement[bool]) -> Subquery:
    """The newest copies of a list's records that are not deleted.

    By a window and not by a join with itself: in a table that has just been filled PostgreSQL knows nothing of its
    size, and compares each row with each.
    """
    of = [Record.connector == at.connector, Record.resource == at.resource, *only]
    of += [Record.project_id == at.project_id] if at.project_id else []
    age = func.row_number().over(partition_by=Record.record_id, order_by=Record.id.desc()).label("age")
    copies = select(Record.id, Record.record_id, Record.seen_at, Record.deleted_at, age).where(*of).subquery()
    return select(copies).where(copies.c.age == 1, copies.c.deleted_at.is_(None)).subquery()


def mark_deleted(db: Connection, at: Place, marks: Mapping[str, dt.datetime]) -> int:
    """Evidence of deletion, on the newest copies and on the user's rows. Returns how many were not marked before."""
    if not marks:
        return 0
    known = {id: copy for id, copy in _newest(db, at, list(marks)).items() if copy.deleted_at is None}
    if known:
        wanted = update(Record).where(Record.id == bindparam("of")).values(deleted_at=bindparam("at", type_=Instant()))
        db.execute(wanted, [{"of": copy.id, "at": marks[id]} for id, copy in known.items()])
    tables.mark_many(db, at.table, at.connector, marks)
    return len(known)
