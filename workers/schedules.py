"""Triggers that time brings: a row for each with its next time, a timer that the relay rings for, an event per planned time.

A planned time makes one event however often it is looked at, so a crash neither loses nor repeats it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from automations.parts import Automation, Timing, Trigger
from automations.timing import PROJECT_ZONE, following, jitter, missed
from automations.timing import planned as timing_planned
from config.errors import ConfigError
from store import connectors, definitions, events, projects, schedules, timers, watches
from store.session import reading, writing
from workers import rule_sweeps
from workers.beginning import Chosen, Rings, choose
from workers.desk import Desk
from workers.dispatch import ring

SYNC_EVERY_S = 3600
LATELY = dt.timedelta(days=7)


def sync(db: Connection, rules: Iterable[Automation], also: Collection[str] = ()) -> None:
    """Know the schedules of these automations and forget all others, but for those of the automations in `also`.

    One that is written as before keeps its next time.
    """
    moment = timers.clock(db)
    wanted: dict[str, None] = {}
    watching: dict[str, set[str]] = {}
    for rule in rules:
        watching[rule.id] = {one.id for one in rule.triggers if one.watches or one.kind == "sweep"}
        for trigger, timing in _timed(rule):
            zones = _zones(db, trigger, timing)
            if timing.zone == PROJECT_ZONE:
                soon = SYNC_EVERY_S if zones else 0.0
                timers.ensure(db, "projects", trigger.connector, in_s=soon, every_s=SYNC_EVERY_S)
            for zone in zones:
                name = f"{rule.id}/{trigger.id}/{zone}"
                wanted[name] = None
                _keep(db, name, rule, trigger, timing, zone, moment)
    for row in schedules.every(db):
        if row.name not in wanted and row.automation not in also:
            schedules.forget(db, row.name)
    watches.forget_others(db, watching)


def _timed(rule: Automation) -> list[tuple[Trigger, Timing]]:
    return [] if rule.stage == "off" else [(one, one.timing) for one in rule.triggers if one.timing is not None]


def _zones(db: Connection, trigger: Trigger, timing: Timing) -> list[str]:
    return sorted(projects.by_zone(db, trigger.connector)) if timing.zone == PROJECT_ZONE else [timing.zone]


def _keep(db: Connection, name: str, rule: Automation, trigger: Trigger, timing: Timing, zone: str, moment: dt.datetime) -> None:
    values = {"automation": rule.id, "trigger": trigger.id, "zone": zone, "written": written(timing)}
    planned = following(timing, moment, zone)
    if schedules.keep(db, name, values, planned):
        schedules.arm(db, name, planned + jitter(timing, name, planned))


def written(timing: Timing) -> str:
    """As people read it: `10 2 * * * (America/Chicago)`, `every 900 s`."""
    every = [f"every {timing.every_s:g} s"] if timing.every_s is not None else []
    more = [f"jitter {timing.jitter_s:g} s"] if timing.jitter_s else []
    return f"{' or '.join([*every, *timing.crons])} ({', '.join([timing.zone, *more, f'catch up: {timing.catch_up}'])})"


def due(desk: Desk, name: str) -> None:
    """The timer's work: make the events of the times that have come, and plan the next."""
    with reading(desk.engine) as db:
        row, moment = schedules.get(db, name), timers.clock(db)
    if row is None:
        return
    rule, version_id = desk.loaded.in_force(row.automation)
    trigger = None if rule is None else rule.trigger(row.trigger)
    if rule is None or version_id is None or trigger is None or trigger.timing is None:
        _plan(desk, row, None, moment, "it is paused, or no longer there")
        return
    times = _times(trigger.timing, row, moment)
    if (why := let_pass(row, moment)) is not None:
        _plan(desk, row, trigger.timing, times[-1] if times else moment, why)
        return
    told = _do(desk, rule, version_id, trigger, row, times, moment) if times else "nothing was due"
    _plan(desk, row, trigger.timing, times[-1] if times else moment, told)


def let_pass(row: Any, moment: dt.datetime) -> str | None:
    """Why its times pass without an event: a person holds it, and not only until now. None when nobody does."""
    held = row.held
    if held is None or (held.get("until") and dt.datetime.fromisoformat(held["until"]) <= moment):
        return None
    return f"let pass, {held['by']} holds it: {held['reason']}"


def now(desk: Desk, name: str) -> str:
    """A person wants it to happen now, beside its times. Raises: ConfigError when there is none of this name."""
    return _by_hand(desk, name, None)


def catch_up(desk: Desk, name: str, planned: dt.datetime) -> str:
    """A person wants a planned time made up for that passed without an event; one that did not is known already.

    Raises: ConfigError when there is no such schedule, or it was not planned for then.
    """
    return _by_hand(desk, name, planned)


def _by_hand(desk: Desk, name: str, planned: dt.datetime | None) -> str:
    with reading(desk.engine) as db:
        row, moment = schedules.get(db, name), timers.clock(db)
    rule, version_id = desk.loaded.in_force(row.automation) if row is not None else (None, None)
    trigger = None if rule is None or row is None else rule.trigger(row.trigger)
    if rule is None or version_id is None or trigger is None:
        raise ConfigError(f'there is no schedule "{name}" in force. List them: tieback schedules list')
    if planned is not None and planned not in _lately(trigger, row, moment):
        raise ConfigError(f"at: {name} was not planned for {planned:%Y-%m-%d %H:%M:%S} UTC within {LATELY.days} days.")
    return _do(desk, rule, version_id, trigger, row, [planned or moment], moment)


def passed(db: Connection, rule: Automation, row: Any, moment: dt.datetime) -> list[dt.datetime]:
    """The planned times of the last days that made no event, the newest first. A sweep's look makes none, so it has none."""
    trigger = rule.trigger(row.trigger)
    if trigger is None or trigger.kind == "sweep":
        return []
    known = events.keys_like(db, trigger.connector, f"schedule:{row.name}:")
    return [one for one in reversed(_lately(trigger, row, moment)) if not any(key.startswith(_key(row, one)) for key in known)]


def _lately(trigger: Trigger, row: Any, moment: dt.datetime) -> list[dt.datetime]:
    if trigger.timing is None:
        return []
    since = max(row.created_at, moment - LATELY)
    return timing_planned(trigger.timing, since, moment, row.zone)


def _times(timing: Timing, row: Any, moment: dt.datetime) -> list[dt.datetime]:
    since = row.last_at or min(row.created_at, row.next_at - dt.timedelta(seconds=1))
    found = missed(timing, since, moment, row.zone)
    return [one for one in found if one + jitter(timing, row.name, one) <= moment]


def _do(
    desk: Desk, rule: Automation, version_id: int, trigger: Trigger, row: Any, times: list[dt.datetime], moment: dt.datetime
) -> str:
    if trigger.kind == "sweep":
        of_zone = _projects_of(desk, trigger, row.zone)
        return rule_sweeps.look(desk, rule, version_id, trigger, moment, of_zone)
    rings: Rings = []
    started: list[int] = []
    with writing(desk.engine) as db:
        for planned in times:
            for project in _projects(db, trigger, row.zone):
                run_id, due_now = choose(db, _chosen(db, rule, version_id, trigger, row, planned, project), moment)
                started += [] if run_id is None else [run_id]
                rings += due_now
    ring(desk, rings)
    return (
        f"started run {started[0]}" + (f" and {len(started) - 1} more" if len(started) > 1 else "")
        if started
        else "known already"
    )


def _chosen(
    db: Connection, rule: Automation, version_id: int, trigger: Trigger, row: Any, planned: dt.datetime, project: str
) -> Chosen:
    key = _key(row, planned) + (f":{project}" if project else "")
    known = connectors.get(db, trigger.connector) if trigger.connector else None
    company: Mapping[str, Any] = known.config if known is not None else {}
    return Chosen(
        rule, version_id, trigger.id, "schedule", key, connector=trigger.connector, at=planned, project_id=project,
        company_id=str(company.get("company_id") or ""),
    )  # fmt: skip


def _key(row: Any, planned: dt.datetime) -> str:
    return f"schedule:{row.name}:{planned.isoformat()}"


def _projects(db: Connection, trigger: Trigger, zone: str) -> list[str]:
    """With `timezone: project` one event for each project of the zone, else one about none."""
    if trigger.timing is None or trigger.timing.zone != PROJECT_ZONE:
        return [""]
    return projects.by_zone(db, trigger.connector).get(zone, [])


def _projects_of(desk: Desk, trigger: Trigger, zone: str) -> list[str] | None:
    if trigger.timing is None or trigger.timing.zone != PROJECT_ZONE:
        return None
    with reading(desk.engine) as db:
        return projects.by_zone(db, trigger.connector).get(zone, [])


def _plan(desk: Desk, row: Any, timing: Timing | None, last: dt.datetime, told: str) -> None:
    with writing(desk.engine) as db:
        pause = dt.timedelta(seconds=SYNC_EVERY_S)
        next_at = last + pause if timing is None else following(timing, last, row.zone)
        schedules.moved(db, row.name, last, next_at, told[:500])
        left = max(0.0, (next_at - timers.clock(db)).total_seconds())
        late = 0.0 if timing is None else jitter(timing, row.name, next_at).total_seconds()
        timers.arm(db, schedules.KIND, row.name, in_s=left + late)


def sync_all(desk: Desk, _subject: str) -> None:
    """Projects come and go, and their zones with them."""
    with writing(desk.engine) as db:
        sync(db, desk.loaded.automations, also=definitions.in_state(db, "paused"))
