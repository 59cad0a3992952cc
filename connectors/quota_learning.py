"""What an answer teaches about the quota: which window it shows, how much of it is left, and whether all must stop.

The headers show one window, the one nearest to its end, without naming it. What they say is a little old: calls that
were under way meanwhile may or may not be in it.
Source: Procore documentation, rate limiting and error reference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from connectors.quota_state import (
    EDGE_S,
    HOUR_S,
    LONGEST_CALL_S,
    MOST_FAILURES,
    SMALLEST_HOUR,
    SMALLEST_SPIKE,
    SPIKE_S,
    STEP_S,
    Circuit,
    State,
    current,
)

LONGEST_SPIKE_S = 120.0
FIRST_REST_S, LONGEST_REST_S, LONGEST_CLOSED_S = 5.0, 60.0, 300.0


@dataclass(frozen=True)
class Answer:
    """One call as the quota sees it, however it ended. `sent_s` and `ended_s` are how many seconds ago that was.

    `reset_s` is how far ahead the reset was when the answer was made, by Procore's clock alone; None when that cannot be
    known. `pause_s`: how long all must wait, with the reason `why`. `trouble`: what the circuit counts this as; `heard`
    False: nothing came back, which is no good news either.
    """

    sent_s: float = 0.0
    ended_s: float = 0.0
    limit: int | None = None
    remaining: int = 0
    reset_s: float | None = None
    pause_s: float | None = None
    why: str = ""
    trouble: str | None = None
    heard: bool = True


def learn(state: State, now: float, answer: Answer, *, holder: str = "") -> State:
    """The state after a call of this holder has ended."""
    state = _ended(current(state, now), now, answer, holder)
    if answer.limit is not None:
        state = _shown(state, now, answer, answer.limit)
    elif answer.heard and answer.trouble is None:
        state = replace(state, hour=replace(state.hour, doubt=False))  # where there are no headers nothing is ever proven
    if answer.pause_s is not None:
        until = now - answer.ended_s + answer.pause_s
        if until > state.blocked_until:
            state = replace(state, blocked_until=until, why=answer.why)
    return replace(state, circuit=_circuit(state.circuit, now, answer))


def _ended(state: State, now: float, answer: Answer, holder: str) -> State:
    """The call is no longer under way; it goes on counting in the spike window."""
    held, _ = state.out.get(holder, (0, now))
    out = {name: one for name, one in state.out.items() if name != holder}
    if held > 1:
        out[holder] = (held - 1, now)
    ended = math.ceil((now - answer.ended_s) / STEP_S) * STEP_S
    spent = dict(state.spent)
    spent[ended] = spent.get(ended, 0) + 1
    hour = state.hour
    if hour.until and not hour.until_sure:
        # The call has been counted by now, so its window began before, and ends within the hour.
        hour = replace(hour, until=min(hour.until, now - answer.ended_s + HOUR_S))
    return replace(state, out=out, spent=tuple(sorted(spent.items())), hour=hour, touched=now)


def _shown(state: State, now: float, answer: Answer, limit: int) -> State:
    # Calls that the answer may not have in it: under way still, or others that ended after this one had been sent.
    unseen = state.under_way() + state.ended_since(now - answer.sent_s) - 1
    until = None if answer.reset_s is None else now - answer.ended_s + answer.reset_s
    if _is_hour(state, answer, limit, until):
        return _hour_shown(state, now, answer, limit, unseen, until)
    return _spike_shown(state, now, answer, limit, unseen, until)


def _is_hour(state: State, answer: Answer, limit: int, until: float | None) -> bool:
    """A reset further ahead than any spike window tells at once; else the limit does, if only one window has it."""
    reset_s = answer.reset_s
    if reset_s is not None and reset_s > LONGEST_SPIKE_S:
        return True
    if reset_s is not None and reset_s <= SPIKE_S + 2 and answer.remaining > limit * (1 - 1 / SMALLEST_SPIKE):
        # The nearer window is shown. If this were the hour, the spike window would be nearer: after this one call a
        # larger share of it would be used.
        return False
    spike, hour = state.spike.sure and limit == state.spike.limit, state.hour.sure and limit == state.hour.limit
    if spike != hour:
        return hour
    if spike and hour:
        return until is not None and abs(until - state.hour.until) <= EDGE_S
    # A new limit shortly before the end of a window: no spike limit has ever been as large as the smallest hourly one.
    return limit >= SMALLEST_HOUR


def _hour_shown(state: State, now: float, answer: Answer, limit: int, unseen: int, until: float | None) -> State:
    hour = state.hour
    if until is not None and hour.until_sure:
        if limit == hour.limit and until < hour.until - EDGE_S and until < now + LONGEST_CALL_S:
            return state  # an answer that was overtaken: its window has ended
        if until > hour.until + EDGE_S:
            # Procore has begun a new window before we thought.
            hour = replace(hour, used=min(hour.used, unseen + 1), others=0)
            until = max(until, now)
    same = hour.until_sure and until is not None and abs(until - hour.until) <= EDGE_S
    ends = hour.until if until is None else min(until, hour.until) if same else until
    hour = replace(hour, limit=limit, sure=True, until=ends or now + HOUR_S, until_sure=until is not None, doubt=False)
    state = replace(state, hour=replace(hour, others=_others(limit - hour.used, answer.remaining, unseen, hour.others)))
    return _at_least(state, answer.remaining - unseen)


def _spike_shown(state: State, now: float, answer: Answer, limit: int, unseen: int, until: float | None) -> State:
    spike = state.spike
    ends = now + spike.length_s if until is None else until
    if spike.others and ends < spike.until - EDGE_S:
        return state  # an answer that was overtaken: its window has ended
    others = spike.others if ends <= spike.until + EDGE_S else 0
    ends = min(ends, spike.until) if others else ends  # told in whole seconds: the earliest is the nearest
    length_s = _length_s(state, answer, limit)
    state = replace(state, spike=replace(spike, limit=limit, sure=True, length_s=length_s, others=0, until=ends))
    others = _others(state.left()["spike"], answer.remaining, unseen, others)
    state = replace(state, spike=replace(state.spike, others=others))
    if not state.hour.sure and limit != spike.limit:
        # The documented pairs have the same ratio or a larger one.
        state = replace(state, hour=replace(state.hour, limit=max(SMALLEST_HOUR, limit * SMALLEST_HOUR // SMALLEST_SPIKE)))
    # The window that is shown is the one nearest to its end: the hour has at least as many calls left.
    return _at_least(state, answer.remaining - unseen)


def _length_s(state: State, answer: Answer, limit: int) -> float:
    """Ten seconds as documented, unless the reset lies further ahead than that, with what two roundings may add."""
    seen = answer.reset_s or 0.0
    seen = SPIKE_S if seen <= SPIKE_S + 2 else seen
    fresh = answer.remaining >= limit - 1  # the first call of a window shows its whole length
    return seen if fresh or limit != state.spike.limit else max(seen, state.spike.length_s)


def _others(left: int, remaining: int, unseen: int, others: int) -> int:
    """Calls in the window that are not ours, from what we think is left and what the answer says.

    Less than we think is proof of others: then none of the unseen calls is taken to be in the answer. Without such a
    proof the number can only shrink.
    """
    at_most = max(0, left - remaining + unseen)
    return at_most if left > remaining else min(others, at_most)


def _at_least(state: State, left: int) -> State:
    """What Procore says is left in the hour, or in a window that is nearer to its end, is surely there."""
    state = replace(state, hour=replace(state.hour, proven=max(left, state.hour.proven)))
    more = left - state.left()["hour"]
    if more <= 0:
        return state
    hour = state.hour
    forgiven = min(more, hour.others)
    used = hour.used - (more - forgiven)
    limit = hour.limit if used >= 0 or hour.sure else hour.limit - used
    return replace(state, hour=replace(hour, others=hour.others - forgiven, used=max(0, used), limit=limit))


def _circuit(circuit: Circuit, now: float, answer: Answer) -> Circuit:
    if answer.trouble is None:
        # Silence, or a refusal by the quota, says nothing about the health of the far end; it ends a probe all the same.
        known = answer.heard and answer.pause_s is None
        return Circuit() if known else replace(circuit, probing_until=0.0, probe_at=now + FIRST_REST_S)
    failures = circuit.failures + 1
    closed = answer.trouble.startswith("40")
    longest = LONGEST_CLOSED_S if closed else LONGEST_REST_S
    rest_s = min(longest, FIRST_REST_S * 2.0 ** min(max(0, failures - MOST_FAILURES), 10))
    return Circuit(failures, probe_at=now + rest_s, why=answer.trouble)
