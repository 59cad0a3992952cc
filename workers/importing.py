"""Doing an import: claim, plan its lists, read them from their checkpoints, look for deletions, say how it ended.

A worker does a slice of it at a time, so that it is not kept from other work; the command line does all of it.
What is left when either ends is taken up by the next one.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable
from typing import Any

from config.errors import ConfigError, LostLease, Permanent, TiebackError, Transient
from config.logs import about
from connectors import parents
from connectors.http import Strained
from store import calls, imports, leases
from store.leases import Held
from store.session import reading, retrying, writing
from workers import import_deletions, import_pages, import_plan
from workers.desk import Desk
from workers.import_work import Part, Work, part_of
from workers.pausing import put_aside_while_paused

log = logging.getLogger("tieback.import")

SLICE_S = 15.0
ATTEMPTS = 24  # with the waits below nearly four hours: an outage of Procore's fails nothing
FIRST_WAIT_S, LONGEST_WAIT_S = 2.0, 900.0
LONGEST_HERE_S = 30.0  # a longer wait is no reason to hold the import meanwhile
RETRIES = 3  # at once, before the whole import waits
STRAINED = 3  # so often a list may be too much, while others are not, before it is given up
UNAVAILABLE_S = 86_400.0
_ALL_OF_IT = ("unauthorized", "disconnected", "tls", "blocked_address", "redirect", "connector", "no_connector", "no_project")


class _SliceIsOver(Exception):
    """Raised between two pages."""


def run(desk: Desk, import_id: int) -> None:
    """A slice of an import; silently nothing when it is not due or somebody holds it."""
    do(desk, import_id, slice_s=SLICE_S)


def do(desk: Desk, import_id: int, *, slice_s: float | None = None) -> bool:
    """Work on an import until it ends, must wait, or the slice is over. False when it could not be claimed."""
    claimed_at = time.monotonic()
    held, row = _claim(desk, import_id)
    if held is None:
        return False
    if desk.loaded.paused(row.connector):
        put_aside_while_paused(desk, held, row.connector)
        return True
    desk.call_log.take()
    with desk.keeper.holding(held, claimed_at):
        _work(desk, held, row, None if slice_s is None else claimed_at + slice_s)
    return True


@retrying
def _claim(desk: Desk, import_id: int) -> tuple[Held | None, Any]:
    with writing(desk.engine) as db:
        held = imports.claim(db, import_id, desk.holder)
        desk.loaded.fresh(db)
        return held, imports.get(db, import_id) if held else None


def _work(desk: Desk, held: Held, row: Any, until: float | None) -> None:
    work: Work | None = None
    try:
        work = Work(desk, held, row, desk.loaded.procore(row.connector, row.lane), dict(row.counts or {}))
        _planned(work)
        while (part := _next(work)) is not None:
            _one(work, part, _between(until))
        _finish(work)
    except _SliceIsOver:
        _put_back(desk, held, 0.0, counts=False, reason=None)
        desk.doorbell.ring("import", [row.id], row.lane)
    except KeyboardInterrupt:
        _stop(desk, held)
        raise
    except LostLease:
        raise
    except Transient as error:
        _later(desk, held, error, counts=work is None or not work.progressed)
    except TiebackError as error:
        _fail(desk, held, str(error))


def _between(until: float | None) -> Callable[[], None]:
    def between() -> None:
        if until is not None and time.monotonic() > until:
            raise _SliceIsOver

    return between


def _planned(work: Work) -> None:
    """Write down the lists to read, once, when the import begins."""
    with reading(work.desk.engine) as db:
        if imports.has_parts(db, work.row.id):
            return
    rows = [import_plan.resource(name) for name in work.row.resources]
    projects = import_plan.chosen(work.procore, work.row.projects) if any(map(parents.needs_project, rows)) else []
    _keep_parts(work, projects)


@retrying
def _keep_parts(work: Work, projects: list[Any]) -> None:
    today = dt.datetime.now(dt.UTC).date()
    with writing(work.desk.engine) as db:
        imports.keep_counts(db, work.held, work.counts)
        imports.add_parts(db, work.row.id, import_plan.parts(db, work.row, projects, today))
        calls.log_calls(db, work.desk.call_log.shown())
    work.desk.call_log.take()


def _next(work: Work) -> Part | None:
    with reading(work.desk.engine) as db:
        row = imports.next_part(db, work.row.id)
    return None if row is None else part_of(row)


def _one(work: Work, part: Part, between: Callable[[], None]) -> None:
    """One list, as far as it goes; what ends it alone is noted, and the others go on."""
    job = import_deletions.look if part.state == "deletions" else import_pages.read
    try:
        _patiently(work, part, lambda: job(work, part, between))
    except Strained as error:
        _strained(work, part, error)
    except Transient:
        raise
    except (Permanent, ConfigError) as error:
        kind = getattr(error, "kind", "config")
        if kind in _ALL_OF_IT:
            raise
        _end(work, part, "skipped" if kind in ("http_403", "http_404") else "failed", str(error))


def _patiently(work: Work, part: Part, job: Callable[[], None]) -> None:
    """Repeat a read that broke in the middle from its checkpoint; a few times here, before others must wait as well."""
    left = RETRIES
    while True:
        before = part.position
        try:
            return job()
        except Transient as error:
            left = RETRIES if part.position is not before else left - 1
            wait_s = error.retry_after_s or 0.5 * 2 ** (RETRIES - left)
            if left <= 0 or error.kind == "quota" or isinstance(error, Strained) or wait_s > LONGEST_HERE_S:
                raise
            log.info("import.again", extra=about(id=work.row.id, part=part.called, error=error, wait_s=wait_s))
            time.sleep(wait_s)


def _strained(work: Work, part: Part, error: Strained) -> None:
    """A list that cannot even be read one by one. It is given up after some tries, unless nothing else can be read either."""
    next(work.procore.paged("Projects", per_page=1))
    tries = part.position.get("tries", 0) + 1
    if tries >= STRAINED:
        _end(work, part, "failed", f"{error} (tried {tries} times)")
        return
    before = work.progressed
    work.commit(part, part.state, position={**part.position, "tries": tries})
    work.progressed = before
    raise error


def _end(work: Work, part: Part, state: str, reason: str) -> None:
    """End one part. A list that is refused is noted for all as unavailable, so that others need not ask again."""

    def noted(db: Any) -> dict[str, int]:
        if state == "skipped" and not part.parent_id:
            imports.unavailable(db, work.row.connector, part.project_id, part.resource.name, reason[:500], UNAVAILABLE_S)
        return {}

    work.commit(part, state, change=noted, reason=reason[:1000])
    log.warning(f"import.part_{state}", extra=about(id=work.row.id, part=part.called, reason=reason))


@retrying
def _finish(work: Work) -> None:
    with writing(work.desk.engine) as db:
        states = imports.states(db, work.row.id)
        failed = states.get("failed", 0)
        reason = f"{failed} of {sum(states.values())} lists could not be read" if failed else None
        calls.log_calls(db, work.desk.call_log.shown())
        leases.finish(db, work.held, "failed" if failed else "ok", reason=reason)
    work.desk.call_log.take()
    log.info("import.ended", extra=about(id=work.row.id, connector=work.row.connector, counts=work.counts))


def _later(desk: Desk, held: Held, error: Transient, *, counts: bool) -> None:
    spared = error.kind in ("quota", "http_429") or not counts
    if held.attempt >= ATTEMPTS and not spared:
        _fail(desk, held, f"{error} (tried {held.attempt} times)")
        return
    wait_s = error.retry_after_s or min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (held.attempt - 1))
    _put_back(desk, held, wait_s, counts=not spared, reason=str(error)[:500])
    log.warning("import.waits", extra=about(id=held.id, error=error, wait_s=wait_s))


@retrying
def _put_back(desk: Desk, held: Held, after_s: float, *, counts: bool, reason: str | None) -> None:
    with writing(desk.engine) as db:
        calls.log_calls(db, desk.call_log.shown())
        leases.put_back(db, held, after_s, counts=counts, reason=reason)
    desk.call_log.take()


@retrying
def _stop(desk: Desk, held: Held) -> None:
    """A person stopped it: nobody goes on until a person says so."""
    with writing(desk.engine) as db:
        leases.put_back(db, held, 0.0, counts=False, reason="stopped by hand", run_after=None)


@retrying
def _fail(desk: Desk, held: Held, reason: str) -> None:
    with writing(desk.engine) as db:
        calls.log_calls(db, desk.call_log.shown())
        leases.finish(db, held, "failed", reason=reason[:1000])
    desk.call_log.take()
    log.warning("import.failed", extra=about(id=held.id, reason=reason))
