"""`run.start`: a run that starts another automation, once for each step, in the step's own transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from automations.outcomes import Start
from config.errors import Permanent
from config.problems import did_you_mean
from store import events, runs, timers
from workers.beginning import Chosen, Rings, choose
from workers.desk import Desk

MOST_HOPS = 5


def start(desk: Desk, db: Connection, row: Any, event: Any, wanted: Start, path: str) -> tuple[int, Rings]:
    """The run's id, the same however often it is asked for.

    Raises: Permanent when the automation is not in force, has no manual trigger, or the starts go round in a circle.
    """
    rule, version_id = desk.loaded.in_force(wanted.automation)
    if rule is None or version_id is None:
        mend = did_you_mean(wanted.automation, [one.id for one in desk.loaded.automations]) or ". List them: tieback rules list"
        raise Permanent(f'no automation "{wanted.automation}" is in force{mend}', kind="no_automation")
    trigger = next((one for one in rule.triggers if one.kind == "manual"), None)
    if trigger is None:
        raise Permanent(f"{rule.id} has no manual trigger. Add to its when: - manual: {{}}", kind="no_automation")
    if event.hop >= MOST_HOPS:
        raise Permanent(f"runs have started each other {event.hop} times; the circle ends at {rule.id}", kind="loop")
    chosen = Chosen(
        rule, version_id, trigger.id, "manual", f"start:{row.id}:{path}", connector=row.connector, company_id=event.company_id,
        project_id=event.project_id, lane=row.lane, hop=event.hop + 1, body={"body": dict(wanted.values)},
    )  # fmt: skip
    run_id, rings = choose(db, chosen, timers.clock(db))
    if run_id is None:
        run_id = runs.of_event(db, events.by_key(db, row.connector, chosen.key), rule.id)
    if run_id is None:
        raise Permanent(f"{rule.id} was started by this step before, and its run is gone", kind="no_automation")
    return run_id, rings
