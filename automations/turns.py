"""Whether a run may go on now: another of its key is under way, or enough of them went on lately.

The decision alone. Who keeps the runs (the database, or a trial in memory) says what there is and does what is decided.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from automations.durations import shown
from automations.outcomes import Outcome
from automations.parts import Flow, Overlap, Throttle

# Whoever ends wakes the next one; this is for what ends without a word.
LOOK_AGAIN_S = 30.0
MOST_NAMED = 3


class Places(Protocol):
    """The other runs of one automation, by key. Ids grow with age: the smaller is the older."""

    def under_way(self, key: str) -> list[int]:
        """Those that went on and have not ended, oldest first."""

    def standing(self, key: str) -> list[int]:
        """Those that wait for their turn, oldest first."""

    def superseded(self, ids: list[int], reason: str) -> None:
        """End these, which wait for their turn."""

    def ask_to_end(self, ids: list[int], reason: str) -> None:
        """Ask these, which are under way, to end before their next step."""

    def went_on(self, key: str, within_s: float, most: int) -> tuple[int, float]:
        """How many went on within the last seconds (counted to `most`), and in how many the oldest of them falls out."""


class Entry(NamedTuple):
    """`out` is None when the run goes on; with `digest_in_s` its messages are gathered for so long."""

    out: Outcome | None
    digest_in_s: float | None = None


def entry(places: Places, run_id: int, flow: Flow, overlap_key: str, throttle_key: str) -> Entry:
    out = _overlaps(places, run_id, flow.overlap, overlap_key) if flow.overlap else None
    if out is not None or flow.throttle is None:
        return Entry(out)
    return _too_many(places, flow.throttle, throttle_key)


def _overlaps(places: Places, run_id: int, overlap: Overlap, key: str) -> Outcome | None:
    busy = places.under_way(key)
    if overlap.policy == "parallel":
        return _turn(busy, []) if overlap.limit is not None and len(busy) >= overlap.limit else None
    standing = places.standing(key)
    younger = [id for id in standing if id > run_id]
    if overlap.policy in ("latest", "replace") and younger:
        return Outcome("skipped", reason=f"overtaken by run {younger[-1]}")
    if overlap.policy in ("latest", "replace"):
        places.superseded(standing, f"overtaken by run {run_id}")
    if overlap.policy == "replace" and busy:
        places.ask_to_end(busy, f"replaced by run {run_id}")
        busy = places.under_way(key)
    if overlap.policy == "skip" and busy:
        return Outcome("skipped", reason=f"run {busy[0]} with the same key is under way")
    older = [id for id in standing if id < run_id] if overlap.policy == "queue" else []
    if not busy and not older:
        return None
    if overlap.policy == "queue" and overlap.limit is not None and len(older) >= overlap.limit:
        return Outcome("skipped", reason=f"the queue is full: {len(older)} runs with the same key wait, limit: {overlap.limit}")
    return _turn(busy, older)


def _turn(busy: list[int], older: list[int]) -> Outcome:
    named = ", ".join(str(id) for id in [*busy, *older][:MOST_NAMED])
    return Outcome("waiting", wait_s=LOOK_AGAIN_S, reason=f"waits for its turn: before it is run {named}")


def _too_many(places: Places, throttle: Throttle, key: str) -> Entry:
    rate = throttle.rate
    count, left_s = places.went_on(key, rate.per, rate.count)
    if count < rate.count:
        return Entry(None)
    what = f"{rate.count} runs in {shown(rate.per)} are the most (throttle)"
    if throttle.over == "skip":
        return Entry(Outcome("skipped", reason=what))
    if throttle.over == "wait":
        return Entry(Outcome("waiting", wait_s=max(left_s, 0.1), reason=f"{what}; it goes on in {left_s:.0f} s"))
    return Entry(None, left_s)
