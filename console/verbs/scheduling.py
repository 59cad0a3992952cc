"""When automations are due by the clock."""

from __future__ import annotations

from typing import Any

from console.verbs.at_hand import AtHand
from store import schedules
from store.session import reading


def listed(here: AtHand) -> list[dict[str, Any]]:
    """Every schedule, the next one first."""
    with reading(here.engine) as db:
        return [dict(row._mapping) for row in schedules.every(db)]
