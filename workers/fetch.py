"""Reading changed records once for all runs that wait for them, many at a time where their list allows it.

The first answer may be stale or half-written, so a copy that is as it was, or older than the event, is
read again after 2 s and after 60 s. A record that is not there yet is looked for for about a minute.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from config import failpoints, spans
from config.errors import ConfigError, LostLease, Permanent, Transient
from config.logs import about
from connectors import catalogue, repair
from connectors.kinds.procore_dmsa import Procore
from connectors.reading import Json
from store import calls, events, fetches, leases, records, unavailable
from store.session import reading, retrying, writing
from workers import access, copying, families, planner
from workers.desk import Desk
from workers.planner import Batch, Taken

log = logging.getLogger("tieback.fetch")

ABSENT_AFTER_S = (2.0, 10.0, 50.0)
ATTEMPTS = 24  # with the waits below nearly four hours: an outage of Procore's fails nothing
FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 900.0
# So many that the list does not show are read alone at once; of more, all are looked for again together.
ALONE_AT_ONCE = 5
UNCOUNTED = ("quota", "http_429")


def fetch(desk: Desk, fetch_id: int) -> None:
    """Read one record, and those that may be read with it, and release the runs that wait; nothing when it is not due."""
    _settle(desk, fetch_id)
    claimed_at = time.monotonic()
    batch = _take(desk, fetch_id)
    if batch is None:
        return
    failpoints.hit("fetch.claimed")
    desk.call_log.take()
    with ExitStack() as stack:
        for one in batch.taken:
            stack.enter_context(desk.keeper.holding(one.held, claimed_at))
        left = copying.release_covered(desk, batch)
        if left:
            with _measured(desk, left):
                _read(desk, Batch(left, batch.by_list, batch.probes))


@contextmanager
def _measured(desk: Desk, taken: list[Taken]) -> Iterator[None]:
    """As part of what happened to the first event; the others wait for the same request."""
    row, parent = taken[0].row, None
    if spans.on():
        with reading(desk.engine) as db:
            parent = events.trace(db, row.event_id)
    ids = {"tieback.event": row.event_id, "tieback.connector": row.connector, "tieback.resource": row.resource,
           "tieback.record": row.record_id, "tieback.records": len(taken)}  # fmt: skip
    with spans.span(f"read {row.resource}", parent=parent, about=ids):
        yield


def _settle(desk: Desk, fetch_id: int) -> None:
    """The first event of a burst is not alone for long: what follows it within a moment may be about the same record."""
    if not desk.settle_s:
        return
    with reading(desk.engine) as db:
        waits = planner.settles(desk, db, fetch_id)
    if waits:
        time.sleep(desk.settle_s)


@retrying
def _take(desk: Desk, fetch_id: int) -> Batch | None:
    with writing(desk.engine) as db:
        return planner.take(desk, db, fetch_id)


def _read(desk: Desk, batch: Batch) -> None:
    if len(batch.taken) == 1 or not batch.by_list:
        _each_alone(desk, batch)
        return
    try:
        missing = _together(desk, batch)
    except Transient as error:
        _try_later(desk, batch.taken, error)
    except Permanent as error:
        _list_refused(desk, batch, error)
    except ConfigError:  # the list cannot be asked for: the same is said of each
        _each_alone(desk, batch)
    else:
        _not_listed(desk, batch, missing)


def _each_alone(desk: Desk, batch: Batch) -> None:
    for one in batch.taken:
        _alone(desk, batch, one)


def _together(desk: Desk, batch: Batch) -> list[Taken]:
    """One request of the list; returns what it does not show."""
    for one in batch.taken:
        desk.keeper.still_mine(one.held)
    wanted = {one.row.record_id: one for one in batch.taken}
    found = _procore(desk, batch).many(batch.row.resource, list(wanted), batch.row.project_id or None)
    failpoints.hit("fetch.read")
    copying.keep(desk, batch, [(wanted[id], body) for id, body in found.items()], listed=True)
    return [one for id, one in wanted.items() if id not in found]


def _not_listed(desk: Desk, batch: Batch, missing: list[Taken]) -> None:
    """Perhaps they are not there yet, gone, or only not shown: their own pages tell."""
    early = [one for one in missing if one.row.reread < len(ABSENT_AFTER_S)]
    if len(early) > ALONE_AT_ONCE:
        _again(desk, early, "its list does not show it yet")
        missing = [one for one in missing if one not in early]
    for one in missing:
        _alone(desk, batch, one)


def _list_refused(desk: Desk, batch: Batch, error: Permanent) -> None:
    """No access at all, or only not like this: then each record is read by itself."""
    log.warning("list.refused", extra=about(resource=batch.row.resource, count=len(batch.taken), error=error))
    try:
        closed = access.disconnected(error) if error.kind == "disconnected" else access.closed(_procore(desk, batch), batch.row)
    except Transient as trouble:
        _try_later(desk, batch.taken, trouble)
        return
    except Permanent as trouble:
        closed = access.disconnected(trouble)
    if closed is not None:
        _close(desk, batch.taken, closed)
        return
    _each_alone(desk, batch)


def _alone(desk: Desk, batch: Batch, one: Taken) -> None:
    """One record by its own page; whatever comes of it is the record's alone."""
    try:
        desk.keeper.still_mine(one.held)
        body = _shown(desk, batch, one.row)
        failpoints.hit("fetch.read")
        copying.keep(desk, batch, [(one, body)], listed=False)
    except Transient as error:
        _try_later(desk, [one], error)
    except Permanent as error:
        _refused(desk, batch, one, error)
    except ConfigError as error:  # such as an event without the project that the path needs
        _give_up(desk, one, Permanent(str(error), kind="config"))
    except LostLease as error:  # the others of the batch are still ours
        log.info("lease.lost", extra=about(fetch=one.row.id, error=error))


def _shown(desk: Desk, batch: Batch, row: Any) -> Json:
    """Raises: as `Procore.get` and `families.possible` do."""
    procore, project = _procore(desk, batch), row.project_id or None
    with reading(desk.engine) as db:
        *others, last = families.possible(db, row)
    for parent in others:
        try:
            body = procore.get(row.resource, row.record_id, project_id=project, parent=parent)
        except Permanent as error:
            if error.kind != "http_404":
                raise
        else:
            _remember(desk, row, parent)
            return body
    return procore.get(row.resource, row.record_id, project_id=project, parent=last)


@retrying
def _remember(desk: Desk, row: Any, parent: str | None) -> None:
    """The next event of this record need not search."""
    with writing(desk.engine) as db:
        fetches.found_parent(db, row.id, parent)


def _refused(desk: Desk, batch: Batch, one: Taken, error: Permanent) -> None:
    if error.kind == "disconnected":
        _close(desk, [one], access.disconnected(error))
        return
    if error.kind not in access.REFUSED:
        _give_up(desk, one, error)
        return
    if error.kind == "http_404" and one.row.reread == 0 and not _deleted(desk, one.row):
        _again(desk, [one], "not there yet")
        return
    try:
        closed = access.closed(_procore(desk, batch), one.row)
    except Transient as trouble:
        _try_later(desk, [one], trouble)
        return
    except Permanent as trouble:
        closed = access.disconnected(trouble)
    if closed is not None:
        _close(desk, [one], closed)
    elif error.kind == "http_404" and one.row.reread < len(ABSENT_AFTER_S) and not _deleted(desk, one.row):
        proof = _proof(desk, batch, one.row)
        if proof is None:
            _again(desk, [one], "not there yet")
        else:
            _give_up(desk, one, error, f"the record is gone: {proof}")
    else:
        _give_up(desk, one, error)


def _proof(desk: Desk, batch: Batch, row: Any) -> str | None:
    """What proves that the record was deleted, asked for once: then nobody need look for a minute whether it comes."""
    resource = catalogue.resource(row.resource)
    if resource is None or row.reread != 1:
        return None
    try:
        return repair.in_bin(_procore(desk, batch), resource, row.project_id or None, row.record_id)
    except (Transient, Permanent, ConfigError) as error:  # without the bin the record's own page goes on telling
        log.info("bin.unread", extra=about(fetch=row.id, resource=row.resource, error=error))
        return None


def _deleted(desk: Desk, row: Any) -> bool:
    """A delete event has told us already, so one 404 is enough."""
    with reading(desk.engine) as db:
        copy = records.newest(db, row.connector, row.resource, row.record_id)
    return copy is not None and copy.deleted_at is not None


def _procore(desk: Desk, batch: Batch) -> Procore:
    return desk.loaded.procore(batch.row.connector, batch.row.lane)


@retrying
def _close(desk: Desk, taken: list[Taken], closed: access.Closed) -> None:
    connector = taken[0].row.connector
    project_id, resource, reason = closed
    with writing(desk.engine) as db:
        shut = unavailable.close(db, connector, project_id, resource, reason[:500])
        ours = set(leases.still_ours(db, [one.held for one in taken]))
        calls.log_calls(db, desk.call_log.shown(fetch_id=taken[0].row.id))
        planner.put_off(db, [one for one in taken if one.held in ours], shut)
    desk.call_log.take()
    log.warning("access.lost", extra=about(connector=connector, project=project_id, resource=resource, reason=reason))


@retrying
def _again(desk: Desk, taken: list[Taken], reason: str) -> None:
    with writing(desk.engine) as db:
        calls.log_calls(db, desk.call_log.shown(fetch_id=taken[0].row.id))
        ours = set(leases.still_ours(db, [one.held for one in taken]))
        for one in taken:
            if one.held in ours:
                wait_s = ABSENT_AFTER_S[one.row.reread]
                fetches.put_back(db, one.held, one.row, wait_s, counts=False, reread=one.row.reread + 1, reason=reason)
    desk.call_log.take()


@retrying
def _try_later(desk: Desk, taken: list[Taken], error: Transient) -> None:
    with writing(desk.engine) as db:
        calls.log_calls(db, desk.call_log.shown(fetch_id=taken[0].row.id))
        ours = set(leases.still_ours(db, [one.held for one in taken]))
        for one in taken:
            if one.held not in ours:
                continue
            if one.held.attempt >= ATTEMPTS and error.kind not in UNCOUNTED:
                message = f"{error} (tried {one.held.attempt} times)"
                fault = {"step": None, "kind": error.kind, "message": message}
                fetches.give_up(db, one.held, one.row, "failed", message, fault)
                continue
            wait_s = error.retry_after_s or min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (one.held.attempt - 1))
            counts = error.kind not in UNCOUNTED
            fetches.put_back(db, one.held, one.row, wait_s, counts=counts, reason=str(error)[:500])
    desk.call_log.take()


@retrying
def _give_up(desk: Desk, one: Taken, error: Permanent, proof: str = "the record is gone, or we may not see it (404)") -> None:
    """A 404 that lasted, while the rest of its list can be read, is evidence that the record was deleted."""
    row, absent = one.row, error.kind == "http_404"
    with writing(desk.engine) as db:
        calls.log_calls(db, desk.call_log.shown(fetch_id=row.id))
        if absent:
            fetches.give_up(db, one.held, row, "skipped", proof)
            records.mark_deleted(db, row.connector, row.resource, row.record_id)
        else:
            fault = {"step": None, "kind": error.kind, "message": str(error)}
            fetches.give_up(db, one.held, row, "failed", str(error), fault)
    desk.call_log.take()
    log.warning("record.unreadable", extra=about(fetch=row.id, resource=row.resource, id=row.record_id, error=error))
