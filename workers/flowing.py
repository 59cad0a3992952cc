"""A run's place in the flow: may it go on now, must it wait for its turn, is it no longer wanted?"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection

from automations import turns
from automations.outcomes import Outcome
from automations.parts import Flow
from store import flow as kept
from store import timers


def enter(db: Connection, row: Any, flow: Flow, overlap_key: str, throttle_key: str) -> Outcome | None:
    """None when the run may go on, which is noted; else how it ends or waits. In the caller's transaction."""
    if row.entered_at is not None:
        return None
    keys = {"overlap": kept.stored(overlap_key), "throttle": kept.stored(throttle_key)}
    for what in sorted(keys):
        if getattr(flow, what) is not None:
            kept.alone(db, row.automation, f"{what}/{keys[what]}")
    kept.keep_keys(db, row.id, keys["overlap"] if flow.overlap else None, keys["throttle"] if flow.throttle else None)
    entry = turns.entry(_Kept(db, row), row.id, flow, keys["overlap"], keys["throttle"])
    if entry.out is not None:
        return entry.out
    until = None if entry.digest_in_s is None else timers.clock(db) + dt.timedelta(seconds=entry.digest_in_s)
    kept.entered(db, row.id, until)
    return None


class _Kept:
    """The other runs of the automation, as the database has them."""

    def __init__(self, db: Connection, row: Any):
        self._db, self._row = db, row

    def under_way(self, key: str) -> list[int]:
        return kept.under_way(self._db, self._row.automation, key, self._row.id)

    def standing(self, key: str) -> list[int]:
        return kept.standing(self._db, self._row.automation, key, self._row.id)

    def superseded(self, ids: list[int], reason: str) -> None:
        kept.superseded(self._db, ids, reason)

    def ask_to_end(self, ids: list[int], reason: str) -> None:
        kept.ask_to_end(self._db, ids, reason)

    def went_on(self, key: str, within_s: float, most: int) -> tuple[int, float]:
        return kept.went_on(self._db, self._row.automation, key, within_s, most)
