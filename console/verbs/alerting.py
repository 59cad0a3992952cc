"""What is not as it should be, from when it was noticed until it was over, who was told and who has seen it."""

from __future__ import annotations

import datetime as dt
import secrets
from types import SimpleNamespace
from typing import Any

from config.errors import ConfigError
from connectors.messages import Message
from console.verbs import fitting, telling
from console.verbs.at_hand import AtHand
from store import alerts, audit, notices
from store.session import reading, writing
from workers import alert_words
from workers.alert_file import OFF, Plan
from workers.alert_kinds import KINDS
from workers.alerting import plan_of

Dict = dict[str, Any]
SHOWN = (
    "id", "kind", "subject", "message", "severity", "runbook", "state", "since", "resolved_at", "times", "acked_by",
    "acked_at", "note",
)  # fmt: skip


def listed(here: AtHand, limit: int, state: str | None = None) -> list[Dict]:
    """The newest first; `state` is open or resolved, None both. `told` names the destinations, `type` what to type first.

    Raises: Misfit for another state.
    """
    fitting.check(fitting.ALERTS, {"state": state})
    with reading(here.engine) as db:
        rows = alerts.every(db, state=state, limit=limit)
        told = notices.told(db, [row.id for row in rows])
    return [
        {name: getattr(row, name) for name in SHOWN}
        | {"told": told.get(row.id, []), "type": alert_words.command(row) if row.kind in KINDS else None}
        for row in rows
    ]


def test(here: AtHand, name: str) -> Dict:
    """Send one alert that is none, as it would look, and say which kinds would go there. It stands in no list.

    Raises: as `telling.try_out`.
    """
    found = telling.try_out(here, name, words=lambda: _pretended(here))
    with reading(here.engine) as db:
        plan = plan_of(db)
    return {**found, "kinds": _going_to(plan, found["name"])}


def _going_to(plan: Plan, name: str) -> list[str]:
    """The kinds that go to this destination, with the severity that they usually have."""
    usual = {kind: plan.severity(kind, one.severity) for kind, one in KINDS.items()}
    return [kind for kind, severity in usual.items() if severity != OFF and name in plan.destinations(kind, severity, "")]


def _pretended(here: AtHand) -> Message:
    now = dt.datetime.now(dt.UTC)
    row = SimpleNamespace(
        alert_id=0, what="begin", kind="destination", subject="test", severity="ticket", runbook=None, since=now, times=0,
        said=f"this is a test by {here.actor}; nothing is wrong, and alerts arrive here", message=secrets.token_hex(32),
        resolved_at=None,
    )  # fmt: skip
    return alert_words.message([row], here.settings)


def ack(here: AtHand, id: int, note: str) -> None:
    """Say that somebody looks after it. Raises: ConfigError when there is no open one of this id."""
    with writing(here.engine) as db:
        if not alerts.ack(db, id, here.actor, note[:1000] or None):
            raise ConfigError(f"there is no open alert {id}. List them: tieback alerts list")
        audit.note(db, here.actor, "alert acknowledged", str(id), {"note": note[:1000]} if note else None)
