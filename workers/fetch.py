"""Reading a changed record once for all runs that wait for it.

The first answer may be stale or half-written, so a copy that is as it was, or older than the event, is
read again after 2 s and after 60 s. A record that is not there yet is looked for for about a minute.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from typing import Any

from sqlalchemy import Connection

from config import failpoints
from config.errors import ConfigError, Permanent, Transient
from config.logs import about
from connectors import catalogue
from store import calls, fetches, leases, records
from store.leases import Held
from store.records import Kept
from store.session import retrying, writing
from workers.desk import Desk
from workers.pausing import LOOK_AGAIN_S, paused_reason

log = logging.getLogger("tieback.fetch")

REREAD_AFTER_S = (2.0, 60.0)
ABSENT_AFTER_S = (2.0, 10.0, 50.0)
ATTEMPTS = 24  # with the waits below nearly four hours: an outage of Procore's fails nothing
FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 900.0


def fetch(desk: Desk, fetch_id: int) -> None:
    """Read one record and release the runs that wait for it; silently nothing when it is not due."""
    claimed_at = time.monotonic()
    with writing(desk.engine) as db:
        held = fetches.claim(db, fetch_id, desk.holder)
        if held is None:
            return
        row = fetches.get(db, fetch_id)
        desk.loaded.fresh(db)
    failpoints.hit("fetch.claimed")
    if desk.loaded.paused(row.connector):
        _put_aside(desk, held, row)
        return
    desk.call_log.take()
    with desk.keeper.holding(held, claimed_at):
        _read(desk, held, row)


def _read(desk: Desk, held: Held, row: Any) -> None:
    try:
        desk.keeper.still_mine(held)
        body = desk.loaded.procore(row.connector, row.lane).get(
            row.resource, row.record_id, project_id=row.project_id or None, parent=(row.parent or {}).get("id") or None
        )
        failpoints.hit("fetch.read")
    except Transient as error:
        _try_later(desk, held, row, error)
    except Permanent as error:
        if error.kind == "http_404" and row.reread < len(ABSENT_AFTER_S):
            _again(desk, held, row, ABSENT_AFTER_S[row.reread], "not there yet")
        else:
            _give_up(desk, held, row, error)
    except ConfigError as error:  # such as an event without the project that the path needs
        _give_up(desk, held, row, Permanent(str(error), kind="config"))
    else:
        _keep(desk, held, row, body)


@retrying
def _keep(desk: Desk, held: Held, row: Any, body: dict[str, Any]) -> None:
    resource = catalogue.resource(row.resource)
    assert resource is not None
    copy = {
        "connector": row.connector,
        "resource": resource.name,
        "company_id": row.company_id,
        "project_id": row.project_id or _project_in(body),
        "record_id": row.record_id,
        "record_hash": catalogue.record_hash(resource, body),
        "updated_at": body.get("updated_at") if isinstance(body.get("updated_at"), str) else None,
        "body": body,
        "event_id": row.event_id,
    }
    with writing(desk.engine) as db:
        kept = records.keep(db, copy)
        calls.log_calls(db, desk.call_log.shown(fetch_id=row.id))
        wait_s = _reread_in(row, kept, copy["updated_at"])
        released = _finish(db, held, row, kept, wait_s)
        following = fetches.next_of_record(db, row)
        failpoints.hit("fetch.before_commit")
    desk.call_log.take()
    failpoints.hit("fetch.after_commit")
    for run_id, lane in released:
        desk.doorbell.ring("run", [run_id], lane)
    if following is not None:
        desk.doorbell.ring("fetch", [following], row.lane)
    log.info(
        "record.read", extra=about(fetch=row.id, resource=row.resource, id=row.record_id, changed=kept.changed, again_in_s=wait_s)
    )


def _finish(db: Connection, held: Held, row: Any, kept: Kept, wait_s: float | None) -> list[tuple[int, str]]:
    if wait_s is None:
        released = fetches.release_runs(db, row.id, kept.before_id, kept.after_id)
        leases.finish(db, held, "ok")
        return released
    reason = "the copy is not newer than the event"
    fetches.put_back(db, held, row, wait_s, counts=False, reread=row.reread + 1, reason=reason)
    return []


def _reread_in(row: Any, kept: Kept, updated_at: str | None) -> float | None:
    """Seconds until the record should be read again; None when this copy will do."""
    if kept.changed or row.reread >= len(REREAD_AFTER_S):
        return None
    if _newer(updated_at, row.newest):
        return None  # nothing changed because an earlier read has seen this change already
    return REREAD_AFTER_S[row.reread]


def _newer(updated_at: str | None, event_at: dt.datetime) -> bool:
    """True when the copy is younger than the event by the second that Procore's `updated_at` counts in."""
    if updated_at is None:
        return False
    try:
        moment = dt.datetime.fromisoformat(updated_at)
    except ValueError:
        return False
    return moment.tzinfo is not None and moment > event_at.replace(microsecond=0)


def _project_in(body: dict[str, Any]) -> str:
    """A record that names its project tells it to events that do not."""
    project = body.get("project")
    return str(project["id"]) if isinstance(project, dict) and project.get("id") else str(body.get("project_id") or "")


@retrying
def _put_aside(desk: Desk, held: Held, row: Any) -> None:
    with writing(desk.engine) as db:
        fetches.put_back(db, held, row, LOOK_AGAIN_S, counts=False, reason=paused_reason(row.connector))


@retrying
def _again(desk: Desk, held: Held, row: Any, wait_s: float, reason: str) -> None:
    with writing(desk.engine) as db:
        calls.log_calls(db, desk.call_log.shown(fetch_id=row.id))
        fetches.put_back(db, held, row, wait_s, counts=False, reread=row.reread + 1, reason=reason)


@retrying
def _try_later(desk: Desk, held: Held, row: Any, error: Transient) -> None:
    if held.attempt >= ATTEMPTS and error.kind not in ("quota", "http_429"):
        _give_up(desk, held, row, Permanent(f"{error} (tried {held.attempt} times)", kind=error.kind))
        return
    wait_s = error.retry_after_s or min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (held.attempt - 1))
    counts = error.kind not in ("quota", "http_429")
    with writing(desk.engine) as db:
        calls.log_calls(db, desk.call_log.shown(fetch_id=row.id))
        fetches.put_back(db, held, row, wait_s, counts=counts, reason=str(error)[:500])


@retrying
def _give_up(desk: Desk, held: Held, row: Any, error: Permanent) -> None:
    absent = error.kind == "http_404"
    with writing(desk.engine) as db:
        calls.log_calls(db, desk.call_log.shown(fetch_id=row.id))
        fault = {"step": None, "kind": error.kind, "message": str(error)}
        reason = "the record is gone, or we may not see it (404)" if absent else str(error)[:500]
        fetches.close_runs(db, row.id, "skipped" if absent else "failed", reason, None if absent else fault)
        leases.finish(db, held, "failed", reason=str(error)[:500])
    log.warning("record.unreadable", extra=about(fetch=row.id, resource=row.resource, id=row.record_id, error=error))
