"""Stored events once more for one automation: first told what would happen, then, if a person wants it, as new runs.

A replay works with the copies of then. Its effects have the keys that those of the event's own run have, so what was applied is
not made again, unless the person says so for this replay.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from automations.event import Event
from automations.match import Index
from automations.parts import Automation, Trigger
from automations.pretending import Pretending
from automations.scope import SiteTables
from automations.trial import Copies, Going, Missed, Trial
from connectors import catalogue
from store import events, replays, tracing
from workers import explaining
from workers.beginning import record_key
from workers.dispatch import OF_PROCORE
from workers.events import event_of

FOUND_BY_THEMSELVES = ("webhook", "config", "inbound", "run")


@dataclass(frozen=True)
class Would:
    """What a replay of one event would do. `applied` effects are there already, and stay as they are."""

    event_id: int
    what: str
    fires: bool
    outcome: str
    steps: list[str] = field(default_factory=list)
    applied: int = 0


def would(db: Connection, rule: Automation, row: Any, tables: SiteTables) -> Would:
    """Ask the rule, with nothing called or written."""
    seen = event_of(row._mapping)
    runs: list[Going] = []
    missed: list[Missed] = []
    trial = Trial(
        rule, Pretending(None), row.created_at, tables=tables, dry=True, made=runs.append, missed=missed.append,
        unknown_tables=True, today=explaining.day_of(db, row),
    )  # fmt: skip
    scope, _ = explaining.scope_of(db, row, seen, tables)
    copies = Copies(scope.record, scope.previous)
    trigger = trigger_of(db, rule, row, seen)
    if trigger is None:
        trial.happens(seen, copies)
    else:
        trial.chosen(trigger, seen, copies)
    trial.finish_gathering()
    applied = replays.applied(db, rule.id, row.id)
    what = f"{seen.resource_name} {seen.resource_id} {seen.action}".strip()
    if not runs:
        return Would(row.id, what, False, missed[0].reason if missed else "nothing would happen", applied=applied)
    run = runs[-1]
    said = f"{run.state}: {(run.error or {}).get('message') or run.reason}" if run.error or run.reason else run.state
    outcome = f"fires (trigger {run.trigger}), and would be {said}" if run.fired else str(said)
    return Would(row.id, what, run.fired, outcome, _steps(run), applied)


def _steps(run: Going) -> list[str]:
    told = []
    for path, result in run.journal.results.items():
        output = result.output if isinstance(result.output, dict) else {}
        why = (result.inputs or {}).get("if") or (result.inputs or {}).get("why") if isinstance(result.inputs, dict) else None
        said = output.get("would") or (result.error or {}).get("message") or why
        if not path.startswith("~"):
            told.append(f"{path}: {result.state}" + (f" ({said})" if said else ""))
    return told


def heard_by(rule: Automation) -> tuple[set[tuple[str, str]], set[str]]:
    """The (connector, resource) and the sources that a rule listens to."""
    heard = {(one.connector, one.resource) for one in rule.triggers if one.kind == "webhook"}
    return heard, {str(one.kind) for one in rule.triggers} & {"config", "inbound", "run"}


def found(
    db: Connection, rule: Automation, asked: Mapping[str, Any], limit: int, after: int = 0, newest: int | None = None
) -> list[int]:
    """The ids of the events that concern the rule and fit, oldest first. `asked` as in `store.replays.found`."""
    return replays.found(db, rule.id, *heard_by(rule), limit, after, newest, **asked)


def live(
    db: Connection, rule: Automation, version_id: int, row: Any, actor: str, *, repeat_effects: bool, lane: str = "manual"
) -> int | None:
    """A new run of the rule for a stored event, due now. None when no trigger of it can hear the event."""
    seen = event_of(row._mapping)
    trigger = trigger_of(db, rule, row, seen)
    name = str(uuid.uuid4())
    chosen = trigger.id if trigger is not None else _heard(rule, seen)
    if chosen is None:
        return None
    around = tracing.pinned(db, row.id) or explaining.nearest(db, row)
    event_id = replays.keep(db, row, name, name if repeat_effects else "", f"a replay of event {row.id} by {actor}")
    fetch_id = None
    deleted = row.action == "delete"
    if around is None or (around.after_id is None and not deleted):
        fetch_id = _fetch(db, rule, row, event_id, lane)
    values = {
        "event_id": event_id, "automation": rule.id, "version_id": version_id, "trigger": chosen, "stage": rule.stage,
        "connector": row.connector, "lane": lane, "fetch_id": fetch_id,
        "record_key": record_key(row.connector, row.resource_name, row.resource_id) if row.resource_name else "",
        "before_id": around.before_id if around is not None else None,
        "after_id": around.after_id if around is not None and not deleted else None,
    }  # fmt: skip
    return events.add_run(db, values, due=fetch_id is None)


def trigger_of(db: Connection, rule: Automation, row: Any, seen: Event) -> Trigger | None:
    """For an event that was made for a trigger: that of the run that it had."""
    if seen.source in FOUND_BY_THEMSELVES:
        return None
    run = tracing.run_of(db, row.id, rule.id)
    return rule.trigger(run.trigger) if run is not None else None


def _heard(rule: Automation, seen: Event) -> str | None:
    matches = Index([rule]).match(seen).matches
    return matches[0].trigger_id if matches else None


def _fetch(db: Connection, rule: Automation, row: Any, event_id: int, lane: str) -> int | None:
    """No copy is left of then: the record is read as it is now."""
    known = catalogue.resource(row.resource_name)
    if not rule.needs_record or row.source not in OF_PROCORE or known is None:
        return None
    values = {name: getattr(row, name) for name in ("connector", "company_id", "project_id", "parent")}
    values |= {"resource": known.name, "record_id": row.resource_id, "event_id": event_id, "lane": lane}
    return events.want_fetch(db, values, row.timestamp)
