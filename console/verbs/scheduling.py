"""When automations are due by the clock."""

from __future__ import annotations

from typing import Any

from console.verbs import importing
from console.verbs.at_hand import AtHand
from store import audit, schedules
from store.session import reading, writing


def listed(here: AtHand) -> list[dict[str, Any]]:
    """Every schedule, the next one first."""
    with reading(here.engine) as db:
        return [dict(row._mapping) for row in schedules.every(db)]


def run(here: AtHand, name: str) -> str:
    """Let it happen now, beside its times. What came of it. Raises: ConfigError when there is none of this name in force."""
    from workers import schedules as clock  # with it come the engine and CEL, which a list does not need

    with importing.desk(here) as desk:
        told = clock.now(desk, name)
    with writing(here.engine) as db:
        audit.note(db, here.actor, "schedule run by hand", name, {"came of it": told})
    return told
