"""What follows from the end of a run: others get their turn, rules that listen to it hear of it, its questions close."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import Connection

from automations.outcomes import Outcome
from automations.parts import Automation
from config.logs import about
from store import approvals, events, flow, imports, runs, timers
from workers.beginning import Rings
from workers.desk import Desk
from workers.dispatch import Origin, enter
from workers.events import Said

log = logging.getLogger("tieback.run")

MOST_HOPS = 5


def after(desk: Desk, db: Connection, rule: Automation | None, row: Any, outcome: Outcome) -> Rings:
    """In the transaction that ends the run. Whom to ring for once it is committed."""
    rings: Rings = []
    approvals.end_with_run(db, row.id)
    if outcome.state in ("cancelled", "failed"):
        imports.cancel_of_run(db, row.id, f"run {row.id} ended as {outcome.state}")
    if rule is not None and rule.flow.overlap is not None:
        rings += wake(db, row.id, rule.id)
    return rings + _heard(desk, db, row, outcome)


def cancel(db: Connection, run_id: int, reason: str) -> bool:
    """A person wants it to end: at once when it waits or is parked, before its next step when it runs. False when it has
    ended already. The relay rings for whoever gets its turn."""
    if not runs.cancel(db, run_id, reason):
        return False
    approvals.end_with_run(db, run_id)
    row = runs.get(db, run_id)
    if row is not None and row.state == "cancelled":
        wake(db, run_id, row.automation)
    return True


def wake(db: Connection, run_id: int, automation: str) -> Rings:
    """Let the run that waits longest behind this one take its turn."""
    key = flow.overlap_key(db, run_id)
    return [] if key is None else [("run", id, lane) for id, lane in flow.wake(db, automation, key)]


def _heard(desk: Desk, db: Connection, row: Any, outcome: Outcome) -> Rings:
    """The event that a run has finished, when some automation listens to it."""
    if not desk.loaded.index.hears(("run", row.automation, outcome.state)):
        return []
    event: Any = events.get(db, row.event_id)
    hop = event.hop + 1
    if hop > MOST_HOPS:
        log.error("loop.broken", extra=about(run=row.id, automation=row.automation, hops=event.hop))
        return []
    error = dict(outcome.error) if outcome.error else None
    body = {"name": row.automation, "status": outcome.state, "run_id": row.id, "body": {"reason": outcome.reason, "error": error}}
    said = Said(
        key=f"run:{row.id}:{row.fence}", action="update", resource_name=event.resource_name, resource_id=event.resource_id,
        company_id=event.company_id, project_id=event.project_id, user_id="", app_id="", timestamp=timers.clock(db),
        payload_version="", parent=None, body=body,
    )  # fmt: skip
    return enter(desk, db, said, Origin(row.connector, "run", lane=row.lane, hop=hop)).rings
