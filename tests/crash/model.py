"""Claim, lease, fence and effect as a small machine, of which every reachable state is visited.

One run with one effect; two workers; a relay; a broker that may forget its rings at any moment; and at most three of these:
a worker dies, a worker is frozen past its lease, an answer of the far end is lost, the far end refuses. Each step is what one
transaction or one call does in `store/leases.py`, `automations/effects.py` and `workers/relay.py`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

WORKERS = 2


@dataclass(frozen=True)
class Rules:
    """As built; each flag that is turned round takes one safeguard out."""

    policy: str
    fenced: bool = True
    relay: bool = True
    asks_before_calling: bool = True  # whether an intent of an earlier attempt is heeded
    remembers_doubt: bool = True
    freezes_before_a_call: bool = True  # whether a worker may be frozen after its last look at the lease


class Worker(NamedTuple):
    """`at`: idle, claimed, intended, checked, called. `saw` is what the ledger said when the intent was written."""

    at: str = "idle"
    fence: int = 0
    saw: str = ""


class State(NamedTuple):
    run: str  # waiting, running, ok, parked
    fence: int
    leased: bool
    rung: bool
    ledger: str  # "", intent, applied, failed, uncertain
    applied: int
    workers: tuple[Worker, ...]
    faults: int


Step = tuple[str, State]
BEGIN = State("waiting", 0, False, True, "", 0, (Worker(),) * WORKERS, 3)
FAULTS = ("dies", "is frozen past its lease", "loses the answer", "is refused", "the broker forgets")


class Found(NamedTuple):
    """`came` is how each state was first reached; `wrong` the first state that broke a promise, with which one."""

    came: dict[State, tuple[State, str] | None]
    leads: dict[State, list[Step]]
    wrong: tuple[str, State] | None

    def story(self, state: State) -> list[str]:
        told: list[str] = []
        while (before := self.came[state]) is not None:
            state, step = before
            told.append(step)
        return told[::-1]


def explore(rules: Rules) -> Found:
    """Breadth first, so that the story of what is wrong is a shortest one."""
    came: dict[State, tuple[State, str] | None] = {BEGIN: None}
    leads: dict[State, list[Step]] = {}
    waiting = deque([BEGIN])
    while waiting:
        state = waiting.popleft()
        if broken := _broken(state):
            return Found(came, leads, (broken, state))
        leads[state] = list(_steps(state, rules))
        for step, after in leads[state]:
            if after not in came:
                came[after] = (state, step)
                waiting.append(after)
    stuck = _stuck(leads)
    return Found(came, leads, ("it is never finished, though nothing fails any more", stuck) if stuck else None)


def _broken(state: State) -> str | None:
    if state.applied > 1:
        return "applied twice"
    if state.run == "ok" and not state.applied:
        return "ok without its effect"
    if state.ledger == "applied" and not state.applied:
        return "the ledger says applied, and it was not"
    if state.ledger == "failed" and state.applied:
        return "the ledger says failed, and it was applied"
    return None


def _stuck(leads: dict[State, list[Step]]) -> State | None:
    """A state from which no end can be reached without another fault."""
    before: dict[State, list[State]] = {}
    for state, steps in leads.items():
        for step, after in steps:
            if not step.endswith(FAULTS):
                before.setdefault(after, []).append(state)
    good = {state for state in leads if state.run in ("ok", "parked")}
    waiting = deque(good)
    while waiting:
        for state in before.get(waiting.popleft(), []):
            if state not in good:
                good.add(state)
                waiting.append(state)
    return next((state for state in leads if state not in good), None)


def _steps(state: State, rules: Rules) -> Iterator[Step]:
    for number in range(WORKERS):
        for step, after in _worker(state, number, rules):
            yield f"worker {number + 1} {step}", after
    if state.rung:
        yield "the broker forgets", state._replace(rung=False)
    if rules.relay and state.run == "waiting" and not state.rung:
        yield "the relay rings", state._replace(rung=True)
    holder = _holder(state)
    if state.run == "running" and state.leased and holder is None:
        yield "the lease of the dead runs out", state._replace(leased=False)
    if rules.relay and state.run == "running" and not state.leased:
        yield "the relay takes it back", state._replace(run="waiting", rung=True)


def _holder(state: State) -> int | None:
    held = (n for n, one in enumerate(state.workers) if one.at != "idle" and one.fence == state.fence)
    return next(held, None)


def _worker(state: State, number: int, rules: Rules) -> Iterator[Step]:
    me = state.workers[number]
    if me.at == "idle":
        yield from _hears(state, number)
        return
    mine = state.run == "running" and state.fence == me.fence
    if state.faults:
        yield "dies", _is(state, number, Worker())._replace(faults=state.faults - 1)
        if mine and state.leased and (me.at != "checked" or rules.freezes_before_a_call):
            yield "is frozen past its lease", state._replace(leased=False, faults=state.faults - 1)
    yield from {"claimed": _intends, "intended": _checks, "checked": _calls, "called": _finishes}[me.at](
        state, number, rules, mine
    )


def _hears(state: State, number: int) -> Iterator[Step]:
    if not state.rung:
        return
    heard = state._replace(rung=False)
    if state.run != "waiting":
        yield "hears of what is not due", heard
        return
    claimed = heard._replace(run="running", fence=state.fence + 1, leased=True)
    yield "claims", _is(claimed, number, Worker("claimed", claimed.fence))


def _intends(state: State, number: int, rules: Rules, mine: bool) -> Iterator[Step]:
    me = state.workers[number]
    if rules.fenced and not mine:
        yield "finds its claim gone", _is(state, number, Worker())
        return
    fresh = state.ledger in ("", "failed")
    kept = state._replace(ledger="intent" if fresh else state.ledger, leased=mine or state.leased)
    yield "writes its intent", _is(kept, number, me._replace(at="intended", saw="" if fresh else state.ledger))


def _checks(state: State, number: int, rules: Rules, mine: bool) -> Iterator[Step]:
    me = state.workers[number]
    if me.saw == "applied":
        yield "knows it was done", _is(state, number, me._replace(at="called"))
        return
    if me.saw and rules.asks_before_calling and rules.policy == "at_most_once":
        yield from _ends(state, number, rules, mine, "parked", "uncertain")
        return
    if me.saw and rules.asks_before_calling and rules.policy == "verify_then_retry" and state.applied:
        yield "finds it at the far end", _is(state, number, me._replace(at="called"))
        return
    if rules.fenced and not (mine and state.leased):  # its own clock tells it, see Keeper.still_mine
        yield "sees that its lease is over", _is(state, number, Worker())
        return
    yield "may call", _is(state, number, me._replace(at="checked"))


def _calls(state: State, number: int, rules: Rules, mine: bool) -> Iterator[Step]:
    me = state.workers[number]
    once = rules.policy == "natural_key"
    done = state._replace(applied=1 if once else state.applied + 1)
    yield "calls", _is(done, number, me._replace(at="called"))
    if not state.faults:
        return
    run = "parked" if rules.policy == "at_most_once" else "waiting"
    for step, after in _ends(done._replace(faults=state.faults - 1), number, rules, mine, run, "uncertain"):
        yield f"{step}, for it loses the answer", after
    # A refusal says that this call did nothing; of an earlier one that is in doubt it says nothing, unless that was looked for.
    ledger = "uncertain" if me.saw and rules.policy != "verify_then_retry" and rules.remembers_doubt else "failed"
    for step, after in _ends(state._replace(faults=state.faults - 1), number, rules, mine, "waiting", ledger):
        yield f"{step}, for it is refused", after


def _finishes(state: State, number: int, rules: Rules, mine: bool) -> Iterator[Step]:
    yield from _ends(state, number, rules, mine, "ok", "applied")


def _ends(state: State, number: int, rules: Rules, mine: bool, run: str, ledger: str) -> Iterator[Step]:
    """Outcome and state in one transaction, or neither."""
    gone = _is(state, number, Worker())
    if rules.fenced and not mine:
        yield "comes too late to say how it ended", gone
        return
    ledger = "applied" if state.ledger == "applied" else ledger
    yield f"lets go: {run}", gone._replace(run=run, leased=False, rung=False, ledger=ledger)


def _is(state: State, number: int, worker: Worker) -> State:
    workers = list(state.workers)
    workers[number] = worker
    return state._replace(workers=tuple(workers))
