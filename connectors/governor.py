"""Where callers of a connector wait for their turn: the higher lane first, within the quota that all processes share.

The state is kept by a `Shared`: the database, Redis, or this process. Everything that is decided is decided in
`connectors/quota.py`.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from config.errors import Transient
from connectors.quota import Verdict, decide, give_back, learn
from connectors.quota_learning import Answer
from connectors.quota_state import LANES, State, current

T = TypeVar("T")
Told = Callable[[Answer], None]
Change = Callable[[State, float], tuple[State | None, T]]

PATIENCE_S = 12.0
SLICE_S = 2.0  # so long a waiting caller believes what it was told: others may have given back meanwhile
PLENTY = 8  # so small a part of what is left may be taken together: near the end nobody keeps what others wait for
SPARE_S = 0.4  # so long a process may keep calls that nobody here has used


class Shared(Protocol):
    """The one state of a connector."""

    def change(self, connector: str, how: Change[T]) -> T:
        """Put the state that `how(state, now)` returns in its place, None meaning as it was, and return the second part.

        `now` is the time of the place. `how` may be asked several times, until nobody else has come between. Never raises:
        a call must not fail because others cannot be told of it.
        """


class MemoryShared:
    """The state of one process."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._states: dict[str, State] = {}
        self._guard = threading.Lock()

    def change(self, connector: str, how: Change[T]) -> T:
        with self._guard:
            state, answer = how(self._states.get(connector, State()), self._clock())
            if state is not None:
                self._states[connector] = state
            return answer


@dataclass
class _Line:
    """The callers of one connector in this process, and what it has of the quota at the moment.

    `spare` calls were granted and not sent, `spare_since` tells when; answers wait in `untold` for the next look at the state.
    """

    turn: threading.Condition = field(default_factory=threading.Condition)
    waiting: list[tuple[int, int]] = field(default_factory=list)
    spare: int = 0
    spare_rank: int = 0
    spare_since: float = 0.0
    untold: list[tuple[Answer, float, float]] = field(default_factory=list)
    timer: bool = False


class Governor:
    """Lets calls out within the quota. One per process and `shared`; used from all its threads.

    A caller waits here for `patience_s` at most; a longer wait is raised as Transient(kind="quota"), so that a worker can do
    something else meanwhile. `at_once` is how many calls may be taken from the shared state together; more than one
    spares a slow place (SQLite commits) the look before every call. `holder` is this process's name in the state.
    """

    def __init__(
        self,
        shared: Shared,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] | None = None,
        patience_s: float = PATIENCE_S,
        at_once: int = 1,
        holder: str | None = None,
    ) -> None:
        self.shared, self._clock, self._sleep = shared, clock, sleep
        self._patience_s, self._at_once = patience_s, at_once
        self._holder = holder or uuid.uuid4().hex[:12]
        self._numbers = itertools.count()
        self._lines: dict[str, _Line] = {}
        self._guard = threading.Lock()
        self._closed = False

    def close(self) -> None:
        """Tell what is not told yet and give back what was not used; nothing is done later any more."""
        self._closed = True
        for connector, line in list(self._lines.items()):
            with line.turn:
                self._flush(connector, line)

    @contextmanager
    def call(self, connector: str, lane: str) -> Iterator[Told]:
        """Inside, one call may go out; hand its answer to what is yielded.

        Raises: Transient(kind="quota") when the turn is too far off; `retry_after_s` says how far.
        """
        line = self._line(connector)
        self._wait(connector, line, lane)
        sent = self._clock()
        answers = [Answer(heard=False)]
        try:
            yield answers.append
        finally:
            self._tell(connector, line, answers[-1], sent)

    def state(self, connector: str) -> tuple[State, float]:
        """The state as it is kept, and the time there."""
        return self.shared.change(connector, lambda state, now: (None, (state, now)))

    def _line(self, connector: str) -> _Line:
        with self._guard:
            return self._lines.setdefault(connector, _Line())

    def _wait(self, connector: str, line: _Line, lane: str) -> None:
        place = (LANES.index(lane) if lane in LANES else len(LANES), next(self._numbers))
        deadline = self._clock() + self._patience_s
        with line.turn:
            line.waiting.append(place)
            try:
                while (verdict := self._verdict(connector, line, place, lane)) is None or not verdict.granted:
                    left_s = deadline - self._clock()
                    if verdict is not None and verdict.at > left_s:
                        raise _too_far(connector, lane, verdict)
                    if left_s <= 0:
                        raise _too_far(connector, lane, Verdict(0, 1.0, "others come first"))
                    self._pause(line, min(left_s, SLICE_S, SLICE_S if verdict is None else max(0.01, verdict.at)))
            finally:
                line.waiting.remove(place)
                line.turn.notify_all()

    def _verdict(self, connector: str, line: _Line, place: tuple[int, int], lane: str) -> Verdict | None:
        """What the quota says to whoever is first in line, `at` in seconds from now; None for the others."""
        if min(line.waiting) != place:
            return None
        if line.spare and place[0] <= line.spare_rank and self._clock() - line.spare_since < SPARE_S:
            line.spare -= 1
            return Verdict(1)
        verdict = self._ask(connector, line, lane)
        line.spare, line.spare_rank, line.spare_since = max(0, verdict.granted - 1), place[0], self._clock()
        if line.spare:
            self._look_later(connector, line)
        return verdict

    def _ask(self, connector: str, line: _Line, lane: str) -> Verdict:
        back, untold, wanted = line.spare, line.untold, max(1, min(self._at_once, len(line.waiting)))
        if self._at_once > 1 and line.untold:
            wanted = self._at_once  # calls follow each other, so that the next ones will be needed

        def how(state: State, now: float) -> tuple[State | None, Verdict]:
            known = self._learnt(current(state, now), now, untold, back)
            plenty = min(known.usable(lane).values()) // PLENTY
            after, verdict = decide(known, now, lane, holder=self._holder, wanted=max(1, min(wanted, plenty)))
            changed = verdict.granted or untold or back
            return after if changed else None, replace(verdict, at=max(0.0, verdict.at - now))

        verdict = self.shared.change(connector, how)
        line.untold, line.spare = [], 0
        return verdict

    def _tell(self, connector: str, line: _Line, answer: Answer, sent: float) -> None:
        with line.turn:
            line.untold.append((answer, sent, self._clock()))
            line.turn.notify_all()
            # Whoever waits takes the news along, unless all must hear it at once.
            urgent = answer.pause_s is not None or answer.trouble is not None
            if urgent or not (line.waiting or line.spare or self._at_once > 1):
                self._flush(connector, line)
            else:
                self._look_later(connector, line)

    def _flush(self, connector: str, line: _Line) -> None:
        back, untold = line.spare, line.untold
        if back or untold:
            self.shared.change(connector, lambda state, now: (self._learnt(state, now, untold, back), None))
            line.untold, line.spare = [], 0

    def _learnt(self, state: State, now: float, untold: list[tuple[Answer, float, float]], back: int) -> State:
        here = self._clock()
        for answer, sent, ended in untold:
            aged = replace(answer, sent_s=max(0.0, here - sent), ended_s=max(0.0, here - ended))
            state = learn(state, now, aged, holder=self._holder)
        return give_back(state, now, self._holder, back) if back else state

    def _look_later(self, connector: str, line: _Line) -> None:
        """Give back what nobody uses, and tell what nobody takes along."""
        if line.timer:
            return
        if self._closed:
            self._flush(connector, line)
            return
        line.timer = True
        timer = threading.Timer(SPARE_S, self._looked, (connector, line))
        timer.daemon = True
        timer.start()

    def _looked(self, connector: str, line: _Line) -> None:
        with line.turn:
            line.timer = False
            if self._closed:
                return
            if line.spare and self._clock() - line.spare_since < SPARE_S:
                self._look_later(connector, line)
            else:
                self._flush(connector, line)

    def _pause(self, line: _Line, seconds: float) -> None:
        if self._sleep is None:
            line.turn.wait(seconds)
        else:
            self._sleep(seconds)


class MemoryQuota(Governor):
    """The governor of one process; `clock` is in Unix seconds."""

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        super().__init__(MemoryShared(clock), clock=clock, sleep=sleep, patience_s=patience_s)


def _too_far(connector: str, lane: str, verdict: Verdict) -> Transient:
    if verdict.why == "others come first":
        seen = f"other calls come before {lane} work"
    elif verdict.why == "the quota is used up":
        seen = f"Procore's quota leaves nothing for {lane} work during the next {math.ceil(verdict.at)} s"
    else:
        seen = f"calls pause for {math.ceil(verdict.at)} s: {verdict.why}"
    return Transient(f"{connector}: {seen}. The work waits and goes on by itself.", kind="quota", retry_after_s=verdict.at)
