"""The quota governor's decisions, as functions of a small state: may a call go out, and what did an answer teach?

Whoever keeps the state (the database, Redis, this process) only compares and sets around them, so that all
processes of a connector follow the same rules. `connectors/governor.py` is what callers wait at.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from connectors.quota_learning import Answer as Answer
from connectors.quota_learning import learn as learn
from connectors.quota_state import HOUR_S as HOUR_S
from connectors.quota_state import LONGEST_CALL_S, MOST_FAILURES, current, reserve
from connectors.quota_state import RESERVE as RESERVE
from connectors.quota_state import State as State

LOOK_S = 0.25  # when to look again for calls under way, whose end nobody knows


@dataclass(frozen=True)
class Verdict:
    """`granted` calls may go out now; 0: look again at `at`, because of `why`."""

    granted: int
    at: float = 0.0
    why: str = ""


def decide(state: State, now: float, lane: str, *, holder: str = "", wanted: int = 1) -> tuple[State, Verdict]:
    """Whether calls of this lane may go out now; those granted are counted at once, as under way with `holder`.

    At most `wanted` are granted, and never so many that the reserve of the lane would be touched.
    """
    state = current(state, now)
    halted = _halted(state, now, lane)
    if halted is not None:
        return state, halted
    free = state.usable(lane)
    granted = min(wanted, *free.values())
    if granted <= 0:
        return state, Verdict(0, _free_at(state, now, lane), "the quota is used up")
    granted = min(granted, _at_once(state))
    if not granted:
        return state, Verdict(0, now + LOOK_S, "an answer must first show what is left of the hour")
    return _given(state, now, holder, granted), Verdict(granted)


def give_back(state: State, now: float, holder: str, count: int) -> State:
    """Calls that were granted and never sent."""
    state = _less(current(state, now), now, holder, count)
    return replace(state, hour=replace(state.hour, used=max(0, state.hour.used - count)))


def blocked(state: State, now: float) -> tuple[float, str]:
    """Until when nobody but a probe may call, and why; (0.0, "") when calls may go."""
    if now < state.blocked_until:
        return state.blocked_until, state.why
    if state.circuit.failures >= MOST_FAILURES:
        return max(now, state.circuit.probe_at, state.circuit.probing_until), state.circuit.why
    return 0.0, ""


def forecast(calls: int, state: State, lane: str, now: float) -> float:
    """Seconds until so many calls have gone out in this lane, if nobody else calls; both windows are kept."""
    state = current(state, now)
    until, _ = blocked(state, now)
    waits_s = max(0.0, until - now)
    usable_now = min(calls, state.usable(lane)["hour"])
    if calls <= usable_now:
        return waits_s + _burst_s(calls, state, lane)
    per_hour = state.hour.limit - reserve(state.hour.limit, lane)
    whole, rest = divmod(calls - usable_now - 1, per_hour)
    ends_s = max(waits_s + _burst_s(usable_now, state, lane), (state.hour.until or now + HOUR_S) - now)
    return ends_s + whole * max(HOUR_S, _burst_s(per_hour, state, lane)) + _burst_s(rest + 1, state, lane)


def sentence(calls: int, state: State, lane: str, now: float) -> str:
    """The forecast for a person: "412 calls; at 600 per hour, of which imports may use 450: about 4 min"."""
    may = state.hour.limit - reserve(state.hour.limit, lane)
    who = "imports" if lane == "backfill" else f"{lane} work"
    guess = "" if state.hour.sure else " (until Procore shows the limit)"
    said = f"{calls:,} call{'' if calls == 1 else 's'}; at {state.hour.limit:,} per hour{guess}, of which {who} may use {may:,}"
    usable = current(state, now).usable(lane)["hour"]
    if usable < may:
        said += f" ({usable:,} of them now)"
    return f"{said}: {_roughly(forecast(calls, state, lane, now))}"


def _roughly(seconds: float) -> str:
    if seconds < 1:
        return "no waiting"
    if seconds < 90:
        return f"about {math.ceil(seconds)} s"
    return f"about {math.ceil(seconds / 60)} min" if seconds < 7200 else f"about {seconds / 3600:.1f} h"


def _burst_s(calls: int, state: State, lane: str) -> float:
    """How long the spike window makes so many calls take."""
    per_window = state.spike.limit - reserve(state.spike.limit, lane)
    return max(0, math.ceil(calls / per_window) - 1) * state.spike.length_s


def _halted(state: State, now: float, lane: str) -> Verdict | None:
    until, why = blocked(state, now)
    if now < state.blocked_until:
        return Verdict(0, until, why)
    if state.circuit.failures < MOST_FAILURES:
        return None
    if now < state.circuit.probing_until:
        return Verdict(0, min(now + 1.0, state.circuit.probing_until), why)
    # A person who has just mended something should not have to wait for the next try.
    return Verdict(0, until, why) if now < state.circuit.probe_at and lane != "manual" else None


def _at_once(state: State) -> int:
    """How many calls may go out before the next answer comes."""
    alone = 1 if state.under_way() == 0 else 0
    if state.circuit.failures >= MOST_FAILURES:
        return 1
    return max(alone, state.hour.proven) if state.hour.doubt else state.hour.limit


def _given(state: State, now: float, holder: str, count: int) -> State:
    held, _ = state.out.get(holder, (0, now))
    hour = state.hour
    if not hour.until:
        # The window begins when the call arrives, which its answer will tell better.
        hour = replace(hour, others=0, until=now + HOUR_S + LONGEST_CALL_S, until_sure=False)
    circuit = state.circuit
    if circuit.failures >= MOST_FAILURES:
        circuit = replace(circuit, probing_until=now + LONGEST_CALL_S)
    return replace(
        state,
        out={**state.out, holder: (held + count, now)},
        hour=replace(hour, used=hour.used + count, proven=max(0, hour.proven - count)),
        circuit=circuit,
        touched=now,
    )


def _less(state: State, now: float, holder: str, count: int) -> State:
    held, _ = state.out.get(holder, (0, now))
    out = {name: one for name, one in state.out.items() if name != holder}
    if held > count:
        out[holder] = (held - count, now)
    return replace(state, out=out, touched=now)


def _free_at(state: State, now: float, lane: str) -> float:
    left, limits = state.left(), state.limits()
    short = {name: reserve(limit, lane) + 1 - left[name] for name, limit in limits.items()}
    waits = [now]
    if short["hour"] > 0:
        waits.append(state.hour.until or now + LOOK_S)
    if short["spike"] > 0:
        waits.append(_spike_free_at(state, now, short["spike"]))
    return max(waits)


def _spike_free_at(state: State, now: float, short: int) -> float:
    ends = sorted((ended + state.spike.length_s, count) for ended, count in state.spent)
    if state.spike.others > 0:
        ends = sorted([*ends, (state.spike.until, state.spike.others)])
    for moment, count in ends:
        short -= count
        if short <= 0:
            return max(moment, now + 0.01)
    return now + LOOK_S
