"""Looking at a connector as it is now, and keeping the verdict; a change of it is news.

The daily look is a timer. News is an event (`connector.validated`), so that rules can tell somebody.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine

from automations.parts import Automation
from config.secrets import Box
from config.settings import Settings
from connectors.deadline import InLine
from connectors.kinds.procore_dmsa import Procore
from connectors.ports import MemoryCalls, MemoryTokens
from connectors.validation import Check, validate
from store import connectors
from store.session import writing
from workers import config_events
from workers.desk import Desk
from workers.hooks import Hooks
from workers.loaded import Loaded
from workers.ports import CallLog


def check(
    engine: Engine, box: Box, settings: Settings, loaded: Loaded, name: str, *, log: CallLog | None = None, actor: str = "relay"
) -> list[Check]:
    """Validate a connector as it is now, and keep the verdict.

    The credentials themselves are tried, with a token of this look's own: the one in use may outlive them. The quota
    is the shared one. Its calls are added to `log`.
    """
    mine = Hooks(engine, box, settings, loaded, name)
    calls, quota = MemoryCalls(), InLine(loaded.quota)
    procore = Procore(mine.connector, MemoryTokens(), calls, quota, lane="manual")
    resources = sorted(set(_resources(loaded.automations, name)))
    checks = validate(procore, resources=resources, waiting=quota.waits, **mine.expected())
    if log is not None:
        for connector, call in list(calls.calls):
            log.record(connector, call)
    with writing(engine) as db:
        keep(db, name, checks, actor)
    return checks


def run_validation(desk: Desk, name: str) -> None:
    """The timer's work: a change of verdict shows in `connector list` and `doctor`."""
    if name in desk.loaded.connectors():
        check(desk.engine, desk.box, desk.settings, desk.loaded, name, log=desk.call_log)


def keep(db: Connection, name: str, checks: Sequence[Check], actor: str) -> None:
    """Keep a verdict and what follows from it for the connector's state; make its change known."""
    row = connectors.get(db, name)
    if row is None or row.state == "removed":
        return
    made, wrong = verdict(checks, row.verdict), wrong_of(checks)
    connectors.set_verdict(db, name, made)
    if row.state in ("active", "needs attention"):
        reason = f"{wrong[0].name}: {wrong[0].seen}" if wrong else None
        connectors.set_state(db, name, "needs attention" if wrong else "active", reason)
    if row.verdict is not None and names_of(row.verdict) != names_of(made):
        detail = {"ok": made["ok"], "wrong": [one.as_json() for one in wrong], "before": names_of(row.verdict)}
        config_events.note(db, "connector.validated", name, actor, detail)


def verdict(checks: Sequence[Check], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """As the store keeps it. `since` is when what is wrong became so, `before` what was wrong until then."""
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    made: dict[str, Any] = {"ok": not wrong_of(checks), "at": now, "checks": [one.as_json() for one in checks]}
    if before is None:
        return made | {"since": now, "before": None}
    if names_of(before) == names_of(made):
        return made | {"since": before.get("since", now), "before": before.get("before")}
    return made | {"since": now, "before": names_of(before)}


def wrong_of(checks: Iterable[Check]) -> list[Check]:
    return [one for one in checks if one.state == "wrong"]


def names_of(kept: Mapping[str, Any]) -> list[str]:
    """The checks that were wrong in a kept verdict."""
    return [one["name"] for one in kept.get("checks", []) if one["state"] == "wrong"]


def _resources(automations: Iterable[Automation], connector: str) -> Iterator[str]:
    for automation in automations:
        for trigger in automation.triggers:
            if trigger.kind == "webhook" and trigger.connector == connector and automation.stage != "off":
                yield trigger.resource
