"""Triggers with `hold:` or `repeat:`: a record whose condition holds is watched, and told of once it has lasted."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection

from automations import lasting
from automations.parts import Automation, Trigger
from automations.scope import Scope, SiteTables
from store import events, records, timers, watches
from store.session import writing
from workers.beginning import Chosen, Rings, choose
from workers.desk import Desk
from workers.dispatch import ring
from workers.events import event_of
from workers.zones import today

KIND = "watch"
AT_ONCE = 100


def note(db: Connection, rule: Automation, trigger_id: str, holds: bool, row: Any) -> None:
    """What a run saw of its record: it is watched from now on, or no longer."""
    trigger = rule.trigger(trigger_id)
    event = events.get(db, row.event_id)
    if trigger is None or event is None:
        return
    of = {
        "automation": rule.id, "trigger": trigger_id, "connector": event.connector, "resource": trigger.resource,
        "record_id": event.resource_id,
    }  # fmt: skip
    if not holds:
        watches.end(db, of)
        return
    watches.begin(db, of, trigger.hold_s or 0.0)
    _arm(db, rule.id, trigger_id)


def look(desk: Desk, subject: str) -> None:
    """The timer's work: whatever has lasted fires, whatever no longer holds is let go."""
    automation, _, trigger_id = subject.partition("/")
    rule, version_id = desk.loaded.in_force(automation)
    trigger = None if rule is None else rule.trigger(trigger_id)
    if rule is None or version_id is None or trigger is None or not trigger.watches:
        return
    rings: Rings = []
    with writing(desk.engine) as db:
        moment = timers.clock(db)
        for watch in watches.due(db, rule.id, trigger.id, AT_ONCE):
            rings += _judge(db, rule, version_id, trigger, watch, moment, desk.loaded.site.tables)
        _arm(db, rule.id, trigger.id)
    ring(desk, rings)


def _judge(
    db: Connection, rule: Automation, version_id: int, trigger: Trigger, watch: Any, moment: dt.datetime, tables: SiteTables
) -> Rings:
    copy = records.newest(db, watch.connector, watch.resource, watch.record_id)
    if copy is None or copy.deleted_at is not None or not _still(db, rule, trigger, copy, moment, tables):
        watches.forget(db, [watch.id])
        return []
    watches.fired(db, watch.id, trigger.repeat_s)
    return fire(db, rule, version_id, trigger, watch, copy, "hold", moment)


def fire(
    db: Connection, rule: Automation, version_id: int, trigger: Trigger, watch: Any, copy: Any, source: str, moment: dt.datetime
) -> Rings:
    """A run about a record that has long enough met what the trigger waits for, with the copies as they are now."""
    chosen = Chosen(
        rule, version_id, trigger.id, source, f"{source}:{rule.id}:{trigger.id}:{watch.record_id}:{watch.id}:{watch.fired}",
        connector=watch.connector, company_id=copy.company_id, project_id=copy.project_id, resource=watch.resource,
        record_id=watch.record_id, before_id=records.before(db, copy), after_id=copy.id,
    )  # fmt: skip
    return choose(db, chosen, moment)[1]


def _still(db: Connection, rule: Automation, trigger: Trigger, copy: Any, moment: dt.datetime, tables: SiteTables) -> bool:
    before_id = records.before(db, copy)
    before = records.get(db, before_id) if before_id else None
    day = today(db, copy.connector, copy.project_id, moment)
    return lasting.still(rule, trigger, scope_of(trigger, copy, before, moment, day, tables)).so


def scope_of(trigger: Trigger, copy: Any, before: Any, moment: dt.datetime, day: dt.datetime, tables: SiteTables) -> Scope:
    """What the conditions of a trigger see of a copy, outside of any run. `day` is the midnight that began the project's day."""
    event = event_of(
        {
            "id": None, "connector": copy.connector, "event_key": "", "action": "update", "resource_name": copy.resource,
            "resource_id": copy.record_id, "company_id": copy.company_id, "project_id": copy.project_id, "timestamp": moment,
            "source": trigger.kind, "user_id": "", "app_id": "", "payload_version": "", "parent": None, "body": None,
        }
    )  # fmt: skip
    return Scope(
        event, "", moment, copy.body, before.body if before is not None else None,
        today=day, trigger=trigger.id, tables=tables,
    )  # fmt: skip


def _arm(db: Connection, automation: str, trigger: str) -> None:
    left = watches.next_due(db, automation, trigger)
    if left is not None:
        timers.arm(db, KIND, f"{automation}/{trigger}", in_s=left)
