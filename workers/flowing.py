"""A run's place in the flow: may it go on now, must it wait for its turn, is it no longer wanted?"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection

from automations.durations import shown
from automations.outcomes import Outcome
from automations.parts import Flow, Overlap, Throttle
from store import flow as kept
from store import timers

# Whoever ends wakes the next one; this is for what ends without a word.
LOOK_AGAIN_S = 30.0
MOST_NAMED = 3


def enter(db: Connection, row: Any, flow: Flow, overlap_key: str, throttle_key: str) -> Outcome | None:
    """None when the run may go on, which is noted; else how it ends or waits. In the caller's transaction."""
    if row.entered_at is not None:
        return None
    keys = {"overlap": kept.stored(overlap_key), "throttle": kept.stored(throttle_key)}
    for what in sorted(keys):
        if getattr(flow, what) is not None:
            kept.alone(db, row.automation, f"{what}/{keys[what]}")
    kept.keep_keys(db, row.id, keys["overlap"] if flow.overlap else None, keys["throttle"] if flow.throttle else None)
    out = _overlaps(db, row, flow.overlap, keys["overlap"]) if flow.overlap else None
    if out is not None:
        return out
    out, digest_until = _too_many(db, row, flow.throttle, keys["throttle"]) if flow.throttle else (None, None)
    if out is not None:
        return out
    kept.entered(db, row.id, digest_until)
    return None


def _overlaps(db: Connection, row: Any, overlap: Overlap, key: str) -> Outcome | None:
    busy = kept.under_way(db, row.automation, key, row.id)
    if overlap.policy == "parallel":
        return _turn(busy, []) if overlap.limit is not None and len(busy) >= overlap.limit else None
    standing = kept.standing(db, row.automation, key, row.id)
    younger = [id for id in standing if id > row.id]
    if overlap.policy in ("latest", "replace") and younger:
        return Outcome("skipped", reason=f"overtaken by run {younger[-1]}")
    if overlap.policy in ("latest", "replace"):
        kept.superseded(db, standing, f"overtaken by run {row.id}")
    if overlap.policy == "replace" and busy:
        kept.ask_to_end(db, busy, f"replaced by run {row.id}")
        busy = kept.under_way(db, row.automation, key, row.id)
    if overlap.policy == "skip" and busy:
        return Outcome("skipped", reason=f"run {busy[0]} with the same key is under way")
    older = [id for id in standing if id < row.id] if overlap.policy == "queue" else []
    if not busy and not older:
        return None
    if overlap.policy == "queue" and overlap.limit is not None and len(older) >= overlap.limit:
        return Outcome("skipped", reason=f"the queue is full: {len(older)} runs with the same key wait, limit: {overlap.limit}")
    return _turn(busy, older)


def _turn(busy: list[int], older: list[int]) -> Outcome:
    named = ", ".join(str(id) for id in [*busy, *older][:MOST_NAMED])
    return Outcome("waiting", wait_s=LOOK_AGAIN_S, reason=f"waits for its turn: before it is run {named}")


def _too_many(db: Connection, row: Any, throttle: Throttle, key: str) -> tuple[Outcome | None, dt.datetime | None]:
    rate = throttle.rate
    count, left_s = kept.went_on(db, row.automation, key, rate.per, rate.count)
    if count < rate.count:
        return None, None
    what = f"{rate.count} runs in {shown(rate.per)} are the most (throttle)"
    if throttle.over == "skip":
        return Outcome("skipped", reason=what), None
    if throttle.over == "wait":
        return Outcome("waiting", wait_s=max(left_s, 0.1), reason=f"{what}; it goes on in {left_s:.0f} s"), None
    return None, timers.clock(db) + dt.timedelta(seconds=left_s)
