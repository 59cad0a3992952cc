"""The beginning of a run: one for an event and an automation, or a place among the events that gather into one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from automations.parts import Automation
from automations.scope import cheap_values
from config.errors import Permanent
from store import events, flow
from workers.events import event_of

Rings = list[tuple[str, int, str]]
"""(actor, id, lane) of what has become due, to be rung for after the commit."""


@dataclass(frozen=True)
class Chosen:
    """An event that is made for one automation and trigger: by a schedule, a sweep, a watch, another run or a person.

    `key` makes it one event however often it is made. `body` is what rules find in `event.body` and its like.
    """

    rule: Automation
    version_id: int
    trigger: str
    source: str
    key: str
    connector: str = ""
    company_id: str = ""
    project_id: str = ""
    resource: str = ""
    record_id: str = ""
    action: str = "update"
    lane: str = "schedule"
    hop: int = 0
    at: dt.datetime | None = None
    before_id: int | None = None
    after_id: int | None = None
    fetch_id: int | None = None
    body: Mapping[str, Any] = field(default_factory=dict)


def choose(db: Connection, chosen: Chosen, moment: dt.datetime) -> tuple[int | None, Rings]:
    """Keep the event with its run, in the caller's transaction. The run's id; None when the event was made before."""
    values = {
        "connector": chosen.connector, "event_key": chosen.key, "source": chosen.source, "action": chosen.action,
        "resource_name": chosen.resource, "resource_id": chosen.record_id, "company_id": chosen.company_id,
        "project_id": chosen.project_id, "user_id": "", "app_id": "", "timestamp": chosen.at or moment, "payload_version": "",
        "parent": None, "body": dict(chosen.body) or None, "hop": chosen.hop, "state": "matched", "delivery_id": None,
    }  # fmt: skip
    event_id = events.add(db, values)
    if event_id is None:
        return None, []
    run_values = {
        "event_id": event_id, "trigger": chosen.trigger, "connector": chosen.connector, "lane": chosen.lane,
        "record_key": record_key(chosen.connector, chosen.resource, chosen.record_id) if chosen.resource else "",
        "fetch_id": chosen.fetch_id, "before_id": chosen.before_id, "after_id": chosen.after_id,
    }  # fmt: skip
    run_id, _, rings = begin(db, chosen.rule, chosen.version_id, run_values, {**values, "id": event_id})
    return run_id, rings


def begin(
    db: Connection, rule: Automation, version_id: int, values: Mapping[str, Any], event: Mapping[str, Any]
) -> tuple[int | None, int, Rings]:
    """A run for this event, due unless it waits for a fetch. Its id, how many events it has gathered, and whom to ring for.

    Where events gather, the record is read once they have: `fetch_id` is set later.
    """
    whole = {**values, "automation": rule.id, "version_id": version_id, "stage": rule.stage}
    if rule.flow.coalesce is not None and event["source"] != "manual":
        return _gathered(db, rule, whole, event)
    run_id = events.add_run(db, whole, due=whole.get("fetch_id") is None)
    due = run_id is not None and whole.get("fetch_id") is None
    return run_id, 1, [("run", run_id, values["lane"])] if due and run_id is not None else []


def _gathered(db: Connection, rule: Automation, whole: dict[str, Any], event: Mapping[str, Any]) -> tuple[int | None, int, Rings]:
    coalesce = rule.flow.coalesce
    assert coalesce is not None
    try:
        key = str(coalesce.key.evaluate(cheap_values(rule, event_of(event), whole["trigger"])))
    except Permanent:
        run_id = events.add_run(db, whole, due=True)  # the run itself says what is wrong with the key
        return run_id, 1, []
    run_id, count = flow.gather(
        db, {**whole, "fetch_id": None}, f"{whole['version_id']}/{key}", quiet_s=coalesce.quiet_s,
        max_wait_s=coalesce.max_wait_s, most=coalesce.max_events, keep_first=coalesce.keep == "first",
    )  # fmt: skip
    return run_id, count, [("run", run_id, whole["lane"])] if count >= coalesce.max_events else []


def record_key(connector: str, resource: str, record_id: str) -> str:
    return f"{connector}/{resource.lower()}/{record_id}"
