"""Running one automation on one event: claim, let the engine work, keep how it ended."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from automations import engine
from automations.attempt import FAILED
from automations.outcomes import Outcome
from automations.parts import Automation
from automations.scope import Scope
from config import failpoints, spans
from config.errors import ConfigError, Permanent, Withheld
from config.logs import about
from connectors import catalogue
from store import causes, events, flow, lanes, leases, records, runs, timers
from store.leases import Held
from store.models import Run
from store.session import reading, retrying, writing
from workers import finishing
from workers.beginning import Rings
from workers.desk import Desk
from workers.dispatch import OF_PROCORE, ring
from workers.edited import made_at
from workers.events import event_of
from workers.journal import StoreJournal
from workers.kept import small
from workers.pausing import LOOK_AGAIN_S, put_aside_while_paused
from workers.tools import Running, Tools
from workers.zones import today

log = logging.getLogger("tieback.run")


def run(desk: Desk, run_id: int) -> None:
    """Do what is left of a run; silently nothing when it is not due or somebody holds it."""
    claimed_at = time.monotonic()
    held, row = _claim(desk, run_id)
    if held is None:
        return
    failpoints.hit("run.claimed")
    if desk.loaded.paused(row.connector) and not row.through:
        put_aside_while_paused(desk, held, row.connector)
        return
    desk.call_log.take()
    with desk.keeper.holding(held, claimed_at), _measured(desk, held, row):
        _work(desk, held, row)


@contextmanager
def _measured(desk: Desk, held: Held, row: Any) -> Iterator[None]:
    parent = None
    if spans.on():
        with reading(desk.engine) as db:
            parent = events.trace(db, row.event_id)
    ids = {"tieback.run": str(row.id), "tieback.automation": row.automation, "tieback.event": row.event_id,
           "tieback.connector": row.connector or None, "tieback.attempt": held.attempt}  # fmt: skip
    with spans.span(f"run {row.automation}", parent=parent, about=ids):
        yield


@retrying
def _claim(desk: Desk, run_id: int) -> tuple[Held | None, Any]:
    with writing(desk.engine) as db:
        held = leases.claim(db, Run, run_id, desk.holder)
        if held is None:
            return None, None
        desk.loaded.fresh(db)
        return held, runs.started(db, run_id)


def _work(desk: Desk, held: Held, row: Any) -> None:
    with reading(desk.engine) as db:
        event = events.get(db, row.event_id)
        before = records.get(db, row.before_id) if row.before_id else None
        after = records.get(db, row.after_id) if row.after_id else None
        gathered = flow.gathered(db, row.id) if row.gather_until else []
        moment = timers.clock(db)
        day = today(db, row.connector, event.project_id, made_at(event, row)) if event is not None else moment
    assert event is not None
    journal = StoreJournal(desk, held, row, event, after)
    rule = None
    try:
        rule = desk.loaded.automation(row.version_id)
        if _reads_first(desk, held, row, event, rule):
            return
        if row.attempt == 1 and _asked_again(journal):
            journal.forget(step.id for step in (*rule.on_error, *rule.finally_))
        scope = _scope(row, event, before, after, held)
        scope = replace(
            scope, moment=moment, today=day, events=tuple(event_of(one._mapping) for one in gathered),
            tables=desk.loaded.site.tables,
        )  # fmt: skip
        outcome = engine.run(rule, scope, journal, Tools(desk, row.lane, Running(row, scope.event, rule.limits)))
    except (Permanent, ConfigError) as error:
        journal.abandon()
        kind = getattr(error, "kind", "config")
        outcome = Outcome("failed", error={"step": None, "kind": kind, "message": str(error)})
    except Withheld as error:
        journal.abandon()
        outcome = Outcome("waiting", wait_s=LOOK_AGAIN_S, reason=str(error))
    except BaseException:  # a lost lease, or what nobody expected: the transaction and its locks must not outlive it
        journal.abandon()
        raise
    _keep(desk, held, row, outcome, journal, rule)


def _asked_again(journal: StoreJournal) -> bool:
    """A person wanted a failed run tried again: what its failure led to belongs to that failure."""
    failed = journal.kept(FAILED)
    return failed is not None and failed.state == "skipped"


@retrying
def _reads_first(desk: Desk, held: Held, row: Any, event: Any, rule: Automation) -> bool:
    """Events have gathered, and their record is read now, once for all of them."""
    if (
        row.gather_until is None
        or row.fetch_id
        or row.after_id
        or not (rule.needs_record or event.hop)
        or event.action == "delete"
    ):
        return False
    resource = catalogue.resource(event.resource_name)
    if event.source not in OF_PROCORE or resource is None:
        return False
    names = ("connector", "company_id", "project_id", "parent")
    values = {**{name: getattr(event, name) for name in names}, "resource": resource.name, "record_id": event.resource_id}
    with writing(desk.engine) as db:
        fetch_id = events.want_fetch(db, {**values, "event_id": event.id, "lane": row.lane}, event.timestamp)
        leases.put_back(db, held, 0.0, counts=False, fetch_id=fetch_id, run_after=None)
    desk.doorbell.ring("fetch", [fetch_id], row.lane)
    return True


def _scope(row: Any, event: Any, before: Any | None, after: Any | None, held: Held) -> Scope:
    record = after or before  # after a delete the last copy is all there is
    return Scope(
        event=event_of(event._mapping),
        run_id=str(row.id),
        now=made_at(event, row),
        record=record.body if record is not None else None,
        previous=before.body if before is not None else None,
        attempt=held.attempt,
        trigger=row.trigger or None,
    )


@retrying
def _keep(desk: Desk, held: Held, row: Any, outcome: Outcome, journal: StoreJournal, rule: Automation | None) -> None:
    values = {"reason": outcome.reason, "error": small(outcome.error), "trigger": outcome.trigger or row.trigger}
    if outcome.lines:
        values["lines"] = small([vars(line) for line in outcome.lines])
    rings: Rings = []
    with writing(desk.engine) as db:
        journal.write_results(db)
        if outcome.state == "waiting":
            leases.put_back(db, held, outcome.wait_s or 0.0, counts=outcome.error is not None, **values)
            if journal.answered_meanwhile(db) or flow.asked_to_end(db, row.id):
                runs.due_now(db, row.id)
        else:
            cause = causes.of(outcome.state, outcome.reason, values["error"])
            leases.finish(db, held, outcome.state, **values, cause=cause)
            rings = finishing.after(desk, db, rule, row, outcome)
        rings += [("run", id, row.lane) for id in lanes.next_in_line(db, Run, row.lane)]
    desk.call_log.take()
    failpoints.hit("run.finished")
    ring(desk, [*journal.rings, *rings])
    level = logging.WARNING if outcome.state in ("failed", "parked") else logging.INFO
    facts = about(
        run=row.id, automation=row.automation, event_id=row.event_id, connector=row.connector or None,
        reason=outcome.reason, error=_message(outcome),
    )  # fmt: skip
    log.log(level, f"run.{outcome.state}", extra=facts)


def _message(outcome: Outcome) -> str | None:
    return str(outcome.error["message"]) if outcome.error else None
