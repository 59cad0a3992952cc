"""What is known of a connector's rate limits: one small value that every process shares.

All moments are Unix seconds of the place that keeps the state (the database, Redis, or this process), never of Procore's
clock: an answer teaches distances in time, not moments. Procore has two windows, one hour and a spike of ten seconds, and
calls under way count in both.
Source: Procore documentation, rate limiting (examples: 25 per 10 s with 600 per hour, 100 with 3600).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

LANES = ("webhook", "manual", "schedule", "backfill")
# The share of a window that a lane leaves to the ones above it. Webhooks leave a little as well: others may call with
# the same credentials, and a call that is refused costs more than one that waits.
RESERVE = {"webhook": 0.02, "manual": 0.05, "schedule": 0.15, "backfill": 0.25}

SPIKE_S, HOUR_S = 10.0, 3600.0
# Until an answer says more: the smallest limits that were ever documented, and their ratio.
SMALLEST_SPIKE, SMALLEST_HOUR = 25, 600
MOST_FAILURES = 8  # one after the other; from then on one call at a time tries
LONGEST_CALL_S = 45.0  # a call ends after 30 s at the latest; a process that has not told by then is gone
STEP_S = 0.25  # calls that ended together are counted together, as ended at the end of such a step
EDGE_S = 3.0  # how far Procore's end of a window, told in whole seconds, may lie from the one we believe


@dataclass(frozen=True)
class Spike:
    """The short window, kept as a sliding one: a call counts until `length_s` after its answer.

    Wherever Procore's own window begins, no span of that length can then hold more than `limit` calls.
    `others` are calls that are not ours, or that we have forgotten, as the headers showed; they count until `until`.
    """

    limit: int = SMALLEST_SPIKE
    length_s: float = SPIKE_S
    sure: bool = False
    others: int = 0
    until: float = 0.0


@dataclass(frozen=True)
class Hour:
    """The long window. `used` are our own calls in it, those under way included; `until` 0.0 while none is running.

    `doubt`: when it began, or what was used before, is not known. Then only as many calls may go out as an answer has
    proven to be left (`proven`, less what went out since), or one at a time.
    """

    limit: int = SMALLEST_HOUR
    sure: bool = False
    used: int = 0
    others: int = 0
    until: float = 0.0
    until_sure: bool = False
    doubt: bool = True
    proven: int = 0


@dataclass(frozen=True)
class Circuit:
    """Calls that fail one after the other. From some number on only one at a time tries, at `probe_at`."""

    failures: int = 0
    probe_at: float = 0.0
    probing_until: float = 0.0
    why: str = ""


@dataclass(frozen=True)
class State:
    """`out`: calls that a holder (a process) may have under way, and when it was last heard of. `spent`: how many ended when.

    `place` says whose limits these are: a connector that is moved has others.
    """

    spike: Spike = field(default_factory=Spike)
    hour: Hour = field(default_factory=Hour)
    circuit: Circuit = field(default_factory=Circuit)
    out: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    spent: tuple[tuple[float, int], ...] = ()
    blocked_until: float = 0.0
    why: str = ""
    touched: float = 0.0
    place: str = ""

    def under_way(self) -> int:
        return sum(count for count, _ in self.out.values())

    def ended_since(self, moment: float) -> int:
        return sum(count for ended, count in self.spent if ended >= moment)

    def left(self) -> dict[str, int]:
        """Calls that may still begin in each window, reserves not taken off; below zero after a limit was lowered."""
        spike = self.spike.limit - self.spike.others - self.under_way() - sum(count for _, count in self.spent)
        return {"spike": spike, "hour": self.hour.limit - self.hour.used - self.hour.others}

    def limits(self) -> dict[str, int]:
        return {"spike": self.spike.limit, "hour": self.hour.limit}

    def usable(self, lane: str) -> dict[str, int]:
        """Calls that a lane may still begin in each window, never below zero."""
        left = self.left()
        return {name: max(0, left[name] - reserve(limit, lane)) for name, limit in self.limits().items()}


def reserve(limit: int, lane: str) -> int:
    """The calls of a window that a lane leaves alone. A limit of one or two calls has nothing to reserve."""
    return min(math.ceil(limit * RESERVE.get(lane, RESERVE["schedule"])), limit - 1)


def current(state: State, now: float) -> State:
    """The same knowledge as of `now`: what has ended is dropped, a window that is over begins anew."""
    spent = [(ended, count) for ended, count in state.spent if ended + state.spike.length_s > now]
    state = replace(state, spent=tuple(spent))
    state = without(state, now, [holder for holder, (_, heard) in state.out.items() if heard + LONGEST_CALL_S <= now])
    if state.spike.others and state.spike.until <= now:
        state = replace(state, spike=replace(state.spike, others=0))
    if state.hour.until and state.hour.until <= now:
        # Calls around the end may have come to Procore after it, and then count in the new window.
        carried = state.under_way() + state.ended_since(now - EDGE_S)
        doubt = not state.hour.until_sure
        state = replace(state, hour=replace(state.hour, used=carried, others=0, until=0.0, until_sure=False, doubt=doubt))
    return state


def without(state: State, now: float, holders: Iterable[str]) -> State:
    """Whatever these had under way has ended by now, nobody knows when."""
    gone = {name: state.out[name][0] for name in holders if name in state.out}
    if not gone:
        return state
    left = {name: one for name, one in state.out.items() if name not in gone}
    return replace(state, out=left, spent=(*state.spent, (now, sum(gone.values()))))


def shifted(state: State, by_s: float) -> State:
    """The state as a place whose clock is `by_s` ahead would keep it."""

    def at(moment: float) -> float:
        return moment + by_s if moment else 0.0

    return replace(
        state,
        spike=replace(state.spike, until=at(state.spike.until)),
        hour=replace(state.hour, until=at(state.hour.until)),
        circuit=replace(state.circuit, probe_at=at(state.circuit.probe_at), probing_until=at(state.circuit.probing_until)),
        out={holder: (count, heard + by_s) for holder, (count, heard) in state.out.items()},
        spent=tuple((ended + by_s, count) for ended, count in state.spent),
        blocked_until=at(state.blocked_until),
        touched=at(state.touched),
    )


def as_json(state: State) -> dict[str, Any]:
    return asdict(state)


def from_json(kept: Any) -> State:
    """The state that `as_json` wrote; a fresh one for anything else, such as what another version wrote."""
    try:
        return State(
            spike=Spike(**kept["spike"]),
            hour=Hour(**kept["hour"]),
            circuit=Circuit(**kept["circuit"]),
            out={str(holder): (int(count), float(heard)) for holder, (count, heard) in kept["out"].items()},
            spent=tuple((float(ended), int(count)) for ended, count in kept["spent"]),
            blocked_until=float(kept["blocked_until"]),
            why=str(kept["why"]),
            touched=float(kept["touched"]),
            place=str(kept.get("place", "")),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return State()
