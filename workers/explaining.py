"""Why an automation did what it did with an event, or did nothing: told from stored rows alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from automations import definition, engine
from automations.durations import shown
from automations.explain import why_deaf
from automations.match import Index
from automations.outcomes import Line
from automations.parts import Automation
from automations.scope import Scope, SiteTables
from config.errors import ConfigError
from connectors import catalogue
from store import records, runs, tracing
from workers.events import event_of
from workers.zones import today

ACTIVATED, RETIRED, PAUSED, RESUMED = "automation activated", "automation retired", "automation paused", "automation resumed"
NOT_SORTED = {
    "received": "the event waits to be sorted",
    "quarantined": "the event is quarantined",
    "unsupported": "the event is not supported",
}
MOST_NAMED = 10


@dataclass(frozen=True)
class Explanation:
    """`headline` is the answer in one sentence. `judged` says that there was no run and the rule was asked now.

    `lines` are as in a run: index, text, held, seen, error. `facts` are (name, sentence), the plainest first.
    """

    automation: str
    event_id: int
    version: str
    outcome: str
    headline: str
    facts: list[tuple[str, str]] = field(default_factory=list)
    lines: Sequence[Mapping[str, Any]] = ()
    steps: Sequence[Mapping[str, Any]] = ()
    run_id: int | None = None
    judged: bool = False


def explain(db: Connection, name: str, event: Any, tables: SiteTables, version: Any | None = None) -> Explanation:
    """`event` is its row; `version` the row of a version to ask instead of telling what happened.

    Raises: ConfigError when the version no longer loads.
    """
    row = tracing.automation(db, name)
    if version is not None:
        return _judged(db, name, event, tables, version, f"version {version.hash[:8]} was asked just now")
    run = tracing.run_of(db, event.id, name)
    if run is not None:
        return _told(db, name, event, run, row)
    return _none(db, name, event, tables, row)


# There was a run


def _told(db: Connection, name: str, event: Any, run: Any, row: Any) -> Explanation:
    version = next(one for one in tracing.versions(db, name) if one.id == run.version_id)
    facts: list[tuple[str, str]] = []
    headline = _headline(db, run, facts)
    others = [id for id in tracing.gathered(db, run.id) if id != event.id]
    if others:
        more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
        facts.append(("gathered", f"into run {run.id} with events {', '.join(map(str, others[:MOST_NAMED]))}{more}"))
    if run.trigger:
        facts.append(("trigger", str(run.trigger)))
    if run.stage == "shadow":
        facts.append(("stage", "shadow: it ran and said what it would do, and did nothing outside"))
    for watch in tracing.watching(db, name, event.connector, _resource(event), event.resource_id):
        facts.append(("watched", _watch(watch)))
    if row is not None and row.hash and row.hash != version.hash:
        facts.append(("version", f"it ran with {version.hash[:8]}; {row.hash[:8]} is in force now"))
    steps = {step.path: step for step in runs.steps(db, run.id)}
    told = [{"path": path, "state": step.state, "error": step.error, "why": _why(step)} for path, step in steps.items()]
    told = [one for one in told if not str(one["path"]).startswith("~")]
    return Explanation(name, event.id, version.hash, run.state, headline, facts, list(run.lines or []), told, run.id)


def _why(step: Any) -> str | None:
    inputs = step.inputs if isinstance(step.inputs, Mapping) else {}
    return str(inputs.get("if") or inputs.get("why") or "") or None if step.state == "skipped" else None


def _headline(db: Connection, run: Any, facts: list[tuple[str, str]]) -> str:
    if run.state == "waiting":
        return f"run {run.id} waits: {_waits(db, run, facts)}"
    if run.state == "running":
        return f"run {run.id} is at work right now"
    if run.state == "ok":
        return f"it ran: run {run.id} was ok"
    if run.state == "failed":
        error = run.error or {}
        step = f" in step {error['step']}" if error.get("step") else ""
        return f"run {run.id} failed{step}: {error.get('message') or run.reason}"
    if run.state == "parked":
        facts.append(("next", f"look, then settle or retry it: tieback runs show {run.id}"))
    did = {"skipped": "it did nothing", "cancelled": "it was cancelled", "parked": "it is parked for a person"}[run.state]
    return f"{did} (run {run.id}): {run.reason or 'no reason was kept'}"


def _waits(db: Connection, run: Any, facts: list[tuple[str, str]]) -> str:
    since = run.started_at or run.created_at
    following = f", next look at {run.run_after:%H:%M:%S}" if run.run_after else ""
    facts.append(("since", f"{since:%Y-%m-%d %H:%M:%S} UTC{following}"))
    if run.group_key is not None:
        until = f", at the latest until {run.gather_until:%H:%M:%S} UTC" if run.gather_until else ""
        return f"it gathers events of its key, {run.gathered} so far{until}"
    for one in tracing.questions(db, run.id):
        if one.state == "open":
            facts.append(("question", f"{one.question} (approval {one.id}: tieback approvals approve {one.id})"))
    fetch = tracing.fetch(db, run.fetch_id)
    if run.run_after is None and fetch is not None:
        said = f": {fetch.reason}" if fetch.reason else ""
        return f"its record is to be read first (fetch {fetch.id}, {fetch.state}){said}"
    if run.reason:
        return str(run.reason)
    return "it is due, and no worker has taken it yet"


def _watch(watch: Any) -> str:
    told = f"trigger {watch.trigger} watches the record since {watch.since:%Y-%m-%d %H:%M:%S} UTC"
    if watch.due_at is not None:
        return f"{told}; it fires at {watch.due_at:%Y-%m-%d %H:%M:%S} UTC if it is still so"
    return f"{told}; it has fired {watch.fired} time{'' if watch.fired == 1 else 's'} and does not again while it stays so"


# There was none


def _none(db: Connection, name: str, event: Any, tables: SiteTables, row: Any) -> Explanation:
    when = event.created_at
    standing = _standing(db, name, row, when)
    version = _version_at(db, name, row, when)
    if event.state in NOT_SORTED:
        return _said(name, event, version, f"{NOT_SORTED[event.state]}: {event.reason or 'a worker takes it soon'}")
    if (kept := (event.reasons or {}).get(name)) is not None:
        return _said(name, event, version, f"it did not fire: {kept}")
    if version is None:
        return _said(name, event, version, standing or f"no version of {name} was ever in force")
    judged = _judged(db, name, event, tables, version, standing or "there was no run; the rule was asked just now")
    if standing:
        return replace(judged, headline=standing, outcome="none", facts=[("else", judged.headline), *judged.facts])
    if event.state == "ignored" and event.reason and judged.outcome == "fires":
        return replace(judged, headline=f"it did not run: {event.reason}", outcome="none")
    return judged


def _standing(db: Connection, name: str, row: Any, when: dt.datetime) -> str | None:
    """Why the automation heard nothing at that time; None when it stood ready, as far as anybody noted."""
    done = tracing.doings(db, name, (ACTIVATED, RETIRED, PAUSED, RESUMED), when)
    on = next((one for one in done if one.verb in (ACTIVATED, RETIRED)), None)
    first = min((one.created_at for one in tracing.versions(db, name)), default=None)
    if on is None and first is not None and first > when:
        return f"it was not in force yet: its first version is of {first:%Y-%m-%d %H:%M:%S} UTC"
    if on is not None and on.verb == RETIRED:
        return f"it was not in force any more: its file was gone since {on.at:%Y-%m-%d %H:%M:%S} UTC"
    held = next((one for one in done if one.verb in (PAUSED, RESUMED)), None)
    if held is not None and held.verb == PAUSED:
        why = (held.detail or {}).get("reason") or "no reason was given"
        return f"it was paused by {held.actor} since {held.at:%Y-%m-%d %H:%M:%S} UTC: {why}"
    if row is not None and row.version_id is None and row.broken:
        return f"its file does not load, and no version of it was ever good: {row.broken.splitlines()[0]}"
    return None


def _version_at(db: Connection, name: str, row: Any, when: dt.datetime) -> Any | None:
    """The version that was in force, as noted when it was activated; else the newest that there was, else what came next."""
    known = tracing.versions(db, name)
    for one in tracing.doings(db, name, (ACTIVATED,), when):
        noted = (one.detail or {}).get("version")
        found = next((version for version in known if noted and version.hash.startswith(noted)), None)
        if found is not None:
            return found
    return next((one for one in known if one.created_at <= when), known[-1] if known else None)


def _said(name: str, event: Any, version: Any | None, headline: str) -> Explanation:
    return Explanation(name, event.id, version.hash if version is not None else "", "none", headline)


def _judged(db: Connection, name: str, event: Any, tables: SiteTables, version: Any, note: str) -> Explanation:
    """Ask the rule about the event as it was, with the copies that runs of it worked with, or the nearest ones."""
    try:
        rule = definition.reload(version.source, version.file)
    except ConfigError as error:
        raise ConfigError(f"version {version.hash[:8]} of {name} is no longer read by this Tieback: {error}") from None
    seen = event_of(event._mapping)
    of = Explanation(name, event.id, version.hash, "none", "", [("asked", note)], judged=True)
    if rule.stage == "off":
        return replace(of, headline="it is off (stage: off)")
    if (deaf := why_deaf(rule, seen)) and seen.source not in ("hold",):
        return replace(of, headline=f"it does not listen: {deaf[0]}", facts=[*of.facts, *(("trigger", one) for one in deaf[1:])])
    if seen.source in ("webhook", "config", "inbound", "run"):
        missed = Index([rule]).match(seen).missed
        if missed:
            return replace(of, headline=f"it does not fire: {missed[0].reason}")
    return _guards(db, rule, event, seen, tables, of)


def _guards(db: Connection, rule: Automation, event: Any, seen: Any, tables: SiteTables, of: Explanation) -> Explanation:
    scope, note = scope_of(db, event, seen, tables)
    judged = engine.guards(rule, scope)
    facts = [*of.facts, *([("copies", note)] if note else [])]
    lines: list[Line] = list(judged.lines)
    if judged.refusal is None:
        return replace(
            of, outcome="fires", headline=f"it fires: trigger {judged.trigger}, and every condition holds",
            facts=facts, lines=[vars(line) for line in lines],
        )  # fmt: skip
    refusal = judged.refusal
    why = refusal.reason or str((refusal.error or {}).get("message"))
    for trigger in (rule.trigger(name) for name, holds in judged.watched.items() if holds):
        if trigger is not None and trigger.hold_s:
            facts.append(("watched", f"trigger {trigger.id} would fire after {shown(trigger.hold_s)}"))
    shown_lines = [vars(line) for line in refusal.lines or lines]
    return replace(of, headline=f"it does not fire: {why}", facts=facts, lines=shown_lines)


def scope_of(db: Connection, event: Any, seen: Any, tables: SiteTables) -> tuple[Scope, str]:
    """What the rule would have seen then, and a sentence on where the copies are from."""
    around = tracing.pinned(db, event.id)
    note = "those that another run of this event worked with" if around is not None else ""
    if around is None and (around := nearest(db, event)) is not None:
        note = _nearest(db, around)
    before = records.get(db, around.before_id) if around and around.before_id else None
    after = records.get(db, around.after_id) if around and around.after_id else None
    if event.action == "delete":
        after = before = before or after
    record = after or before
    day = day_of(db, event)
    scope = Scope(
        seen, "", event.created_at, record.body if record is not None else None, before.body if before is not None else None,
        today=day, moment=event.created_at, tables=tables,
    )  # fmt: skip
    return scope, note


def day_of(db: Connection, event: Any) -> dt.datetime:
    return today(db, event.connector, event.project_id, event.created_at)


def nearest(db: Connection, event: Any) -> tracing.Around | None:
    """The copies around an event; None when it is about no record."""
    if not event.resource_id:
        return None
    return tracing.around(db, event.connector, _resource(event), event.resource_id, event.created_at)


def _nearest(db: Connection, around: tracing.Around) -> str:
    row = records.get(db, around.after_id) if around.after_id else None
    if row is None:
        return "there is no copy of the record; no rule needed it"
    if around.read:
        return f"the nearest ones: copy {row.id}, read {row.fetched_at:%Y-%m-%d %H:%M:%S} UTC, and the one before it"
    return f"no copy was read after the event: copy {row.id} of {row.fetched_at:%Y-%m-%d %H:%M:%S} UTC stands for both sides"


def _resource(event: Any) -> str:
    known = catalogue.resource(event.resource_name)
    return known.name if known is not None else str(event.resource_name)
