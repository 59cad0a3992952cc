"""What a person starts: a run of an automation that has a manual trigger."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import Connection

from automations import definition
from automations.parts import Automation, Trigger
from config.errors import ConfigError
from config.problems import did_you_mean
from connectors import catalogue
from console.verbs.at_hand import AtHand
from store import audit, connectors, definitions, events, records
from store.definitions import Active
from store.session import writing

# Older than any copy: a record that was read for a person is good as it is.
LONG_AGO = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def start(here: AtHand, name: str, record: str | None, project: str | None) -> int:
    """The id of the run, due now or as soon as its record is read.

    Raises: ConfigError when there is no such automation in force, or what its trigger needs is missing.
    """
    with writing(here.engine) as db:
        version = _in_force(db, name)
        rule = definition.load(version.source, version.file)
        trigger = _manual(rule, record)
        event_id = _event(db, trigger, record or "", _project(db, trigger, record, project))
        run_id = _run(db, rule, version, trigger, event_id)
        audit.note(db, here.actor, "run started", name, {"run": run_id, "record": record})
    return run_id


def _in_force(db: Connection, name: str) -> Active:
    active = {one.name: one for one in definitions.active(db)}
    if name not in active:
        raise ConfigError(f'no automation "{name}" is in force{did_you_mean(name, active) or ". List them: tieback rules list"}')
    return active[name]


def _manual(rule: Automation, record: str | None) -> Trigger:
    triggers = [trigger for trigger in rule.triggers if trigger.kind == "manual"]
    if not triggers:
        raise ConfigError(f"{rule.id} has no manual trigger. Add to its when: - manual: {{}}")
    if rule.stage == "off":
        raise ConfigError(f"{rule.id} is in stage: off. Write stage: shadow or live.")
    fitting = [trigger for trigger in triggers if bool(trigger.resource) == bool(record)]
    if not fitting:
        needs = (
            f"is about one of {triggers[0].resource}. Add --record ID"
            if record is None
            else "is about no record. Leave out --record"
        )
        raise ConfigError(f"the manual trigger of {rule.id} {needs}.")
    return fitting[0]


def _project(db: Connection, trigger: Trigger, record: str | None, project: str | None) -> str:
    resource = catalogue.resource(trigger.resource) if trigger.resource else None
    if project or record is None or resource is None or resource.scope == "company":
        return project or ""
    copy = records.newest(db, trigger.connector, resource.name, record)
    if copy is None:
        raise ConfigError(f"there is no copy of {resource.name} {record} that tells its project. Add --project ID.")
    return str(copy.project_id)


def _event(db: Connection, trigger: Trigger, record: str, project: str) -> int:
    connector = connectors.get(db, trigger.connector) if trigger.connector else None
    event_id = events.add(
        db,
        {
            "connector": trigger.connector,
            "event_key": f"manual:{uuid.uuid4()}",
            "source": "manual",
            "action": "update",
            "resource_name": trigger.resource,
            "resource_id": record,
            "company_id": str(connector.config["company_id"]) if connector else "",
            "project_id": project,
            "user_id": "",
            "app_id": "",
            "timestamp": dt.datetime.now(dt.UTC),
            "payload_version": "",
            "state": "matched",
        },
    )
    assert event_id is not None  # the key is new
    return event_id


def _run(db: Connection, rule: Automation, version: Active, trigger: Trigger, event_id: int) -> int:
    event: Any = events.get(db, event_id)
    of = {"connector": trigger.connector, "event_id": event_id, "lane": "manual"}
    fetch_id = None
    if trigger.resource:
        where = {"company_id": event.company_id, "project_id": event.project_id, "record_id": event.resource_id}
        fetch_id = events.want_fetch(db, {**of, **where, "resource": trigger.resource, "parent": None}, LONG_AGO)
    run_id = events.add_run(
        db,
        {
            **of,
            "automation": rule.id,
            "version_id": version.version_id,
            "trigger": trigger.id,
            "stage": rule.stage,
            "record_key": f"{trigger.connector}/{trigger.resource.lower()}/{event.resource_id}",
            "fetch_id": fetch_id,
        },
        due=fetch_id is None,
    )
    assert run_id is not None  # the event is new
    return run_id
