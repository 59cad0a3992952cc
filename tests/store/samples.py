"""Rows that tests of the store and the workers begin with."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection

from store import definitions, events

COMPANY = "598134000001001"
PROJECT = "598134000002001"


def event(db: Connection, key: str = "e1", **values: Any) -> int:
    row = {
        "connector": "acme",
        "event_key": key,
        "source": "webhook",
        "action": "update",
        "resource_name": "RFIs",
        "resource_id": "1",
        "company_id": COMPANY,
        "project_id": PROJECT,
        "user_id": "",
        "app_id": "",
        "timestamp": dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
        "payload_version": "v4.0",
        "state": "matched",
    }
    id = events.add(db, row | values)
    assert id is not None
    return id


def run(db: Connection, event_id: int, automation: str = "rule", *, due: bool = True, **values: Any) -> int:
    definitions.activate(db, automation, f"{automation}.yaml", "text")
    (version,) = [one.version_id for one in definitions.active(db) if one.name == automation]
    row = {"event_id": event_id, "automation": automation, "version_id": version, "trigger": "t", "stage": "live"}
    id = events.add_run(db, row | {"connector": "acme", "record_key": "acme/rfis/1"} | values, due=due)
    assert id is not None
    return id


def fetch(db: Connection, event_id: int, record_id: str = "1") -> int:
    row = {"connector": "acme", "resource": "RFIs", "company_id": COMPANY, "project_id": PROJECT, "record_id": record_id}
    return events.want_fetch(db, row | {"event_id": event_id}, dt.datetime(2026, 3, 1, tzinfo=dt.UTC))
