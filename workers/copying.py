"""From what was read to our copy of it, and to the runs that wait for it."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from sqlalchemy import Connection

from config import failpoints
from config.logs import about
from connectors import catalogue
from connectors.catalogue import Resource
from connectors.reading import Json
from store import calls, events, fetches, leases, records, unavailable
from store.records import Kept
from store.session import reading, retrying, writing
from workers import echoes
from workers.beginning import Rings
from workers.desk import Desk
from workers.dispatch import ring
from workers.planner import Batch, Taken

log = logging.getLogger("tieback.fetch")

REREAD_AFTER_S = (2.0, 60.0)
# Others write in between, and the door must not wait for a hundred records.
AT_ONCE = 25


def keep(desk: Desk, batch: Batch, read: list[tuple[Taken, Json]], *, listed: bool) -> None:
    """Keep what was read, a few records per transaction. `listed`: as the list has them, which may lack fields."""
    for start in range(0, len(read), AT_ONCE):
        _keep(desk, batch, read[start : start + AT_ONCE], listed)


def release_covered(desk: Desk, batch: Batch) -> list[Taken]:
    """Release the runs whose change our copy has already, without a call. Returns what is left to be read."""
    if catalogue.resource(batch.row.resource) is None:
        return batch.taken  # it left the catalogue; the reading says so
    with reading(desk.engine) as db:
        known = {one.row.id: copy for one in batch.taken if (copy := _covering(db, batch, one.row)) is not None}
    if known:
        _release(desk, [one for one in batch.taken if one.row.id in known], known)
    return [one for one in batch.taken if one.row.id not in known]


@retrying
def _keep(desk: Desk, batch: Batch, read: list[tuple[Taken, Json]], listed: bool) -> None:
    rings: Rings = []
    with writing(desk.engine) as db:
        ours = set(leases.still_ours(db, [one.held for one, _ in read]))
        records.alone(db, batch.row.connector, _resource(batch).name, sorted(one.row.record_id for one, _ in read))
        for one, body in read:
            if one.held in ours:
                rings += _one(db, batch, one, body, listed)
        calls.log_calls(db, desk.call_log.shown(fetch_id=batch.row.id))
        if batch.probes:
            unavailable.open_again(db, batch.row.connector, batch.row.project_id, batch.row.resource)
        failpoints.hit("fetch.before_commit")
    desk.call_log.take()
    failpoints.hit("fetch.after_commit")
    ring(desk, rings)
    for one, _ in read:
        facts = about(
            fetch=one.row.id, event_id=one.row.event_id, connector=one.row.connector, resource=one.row.resource,
            id=one.row.record_id, lost=one.held not in ours or None,
        )  # fmt: skip
        log.info("record.read", extra=facts)


def _one(db: Connection, batch: Batch, one: Taken, body: Json, listed: bool) -> Rings:
    row, resource = one.row, _resource(batch)
    known = records.two_newest(db, row.connector, resource.name, row.record_id)
    last = known[0] if known else None
    whole = _completed(resource, body, last) if listed and last is not None else body
    updated_at = whole.get("updated_at") if isinstance(whole.get("updated_at"), str) else None
    copy = {
        "connector": row.connector,
        "resource": resource.name,
        "company_id": row.company_id,
        "project_id": row.project_id or _project_in(whole),
        "record_id": row.record_id,
        "record_hash": catalogue.record_hash(resource, whole),
        "updated_at": updated_at,
        "body": whole,
        "event_id": row.event_id,
    }
    kept = records.keep(db, copy, alive=last is None or _alive(row, last, updated_at), known=known)
    wait_s = _reread_in(row, kept, updated_at)
    if wait_s is not None:
        reason = "the record was deleted, and this may be a stale answer" if kept.gone else "the copy is not newer than the event"
        fetches.put_back(db, one.held, row, wait_s, counts=False, reread=row.reread + 1, reason=reason)
        return []
    if echoes.must_wait(db, row):
        reason = "a change of ours is under way, whose answer tells whether this is its echo"
        fetches.put_back(db, one.held, row, echoes.WAIT_S, counts=False, reread=row.reread, reason=reason)
        return []
    return _finished(db, one, kept.before_id, kept.after_id)


def _finished(db: Connection, one: Taken, before_id: int | None, after_id: int) -> Rings:
    """The runs it has released, and a fetch of the same record that has come due meanwhile, to be rung for."""
    echoes.settle(db, one.row, before_id, after_id)
    released = fetches.release_runs(db, one.row.id, before_id, after_id)
    leases.finish(db, one.held, "ok", reason=None)
    following = fetches.next_of_record(db, one.row)
    return [("run", id, lane) for id, lane in released] + ([("fetch", following, one.row.lane)] if following else [])


def _completed(resource: Resource, body: Json, last: Any) -> Json:
    """What a list does not tell stays as it was last seen, so that the same record has one content however it was read."""
    untold = {key: value for key, value in last.body.items() if key in resource.list_lacks or key not in body}
    return {**body, **untold}


def _alive(row: Any, last: Any, updated_at: str | None) -> bool:
    """Whether an answer that shows a record which was deleted is to be believed: it may be from before."""
    if last.deleted_at is None or row.newest > last.deleted_at or records.younger(updated_at, last.deleted_at):
        return True
    return int(row.reread) >= len(REREAD_AFTER_S)


def _reread_in(row: Any, kept: Kept, updated_at: str | None) -> float | None:
    """Seconds until the record should be read again; None when this copy will do."""
    if kept.changed or row.reread >= len(REREAD_AFTER_S):
        return None
    if not kept.gone and records.younger(updated_at, row.newest):
        return None  # nothing changed because an earlier read has seen this change already
    return REREAD_AFTER_S[row.reread]


def _covering(db: Connection, batch: Batch, row: Any) -> Any | None:
    """The copy that was read for an event as young as these; None when the record must be read.

    One change that Procore tells of a hundred times (a directory edit, once for each project) is read once. Only times
    of Procore's own clock are compared, and whole seconds tell too little to call two events one.
    """
    if row.reread or row.lane == "manual" or (_resource(batch).list_lacks and not batch.by_list):
        return None
    copy = records.newest(db, row.connector, _resource(batch).name, row.record_id)
    if copy is None or copy.deleted_at is not None:
        return None
    event = events.get(db, copy.event_id) if copy.event_id else None
    return copy if event is not None and _same_or_older(row.newest, event.timestamp) else None


def _same_or_older(newest: dt.datetime, read_for: dt.datetime) -> bool:
    return newest < read_for or (newest == read_for and newest.microsecond != 0)


@retrying
def _release(desk: Desk, covered: list[Taken], known: dict[int, Any]) -> None:
    rings: Rings = []
    with writing(desk.engine) as db:
        ours = set(leases.still_ours(db, [one.held for one in covered]))
        for one in covered:
            copy = known[one.row.id]
            if one.held in ours:
                rings += _finished(db, one, records.before(db, copy), copy.id)
    ring(desk, rings)


def _resource(batch: Batch) -> Resource:
    resource = catalogue.resource(batch.row.resource)
    assert resource is not None
    return resource


def _project_in(body: Json) -> str:
    """A record that names its project tells it to events that do not."""
    project = body.get("project")
    return str(project["id"]) if isinstance(project, dict) and project.get("id") else str(body.get("project_id") or "")
