"""The quota governor: never spend the last calls of a window, and stop all together when told to.

Procore has an hourly window and a spike window of ten seconds, and shows in each answer the one
nearest to exhaustion (`X-Rate-Limit-Limit`, `-Remaining`, `-Reset`). Which one it is can be told by
its limit, so windows are kept by limit.
Source: Procore documentation, rate limiting.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from config.errors import Transient

# The share of a window that a lane leaves to the ones above it. Webhooks leave a little as well: other
# processes may be calling at the same moment, and a call that is refused costs more than one that waits.
RESERVE = {"webhook": 0.02, "manual": 0.05, "schedule": 0.15, "backfill": 0.25}

SPIKE_S, HOUR_S = 10.0, 3600.0


@dataclass
class _Window:
    limit: int
    remaining: int
    reset_at: float
    guessed: bool = False

    def length_s(self, now: float) -> float:
        return SPIKE_S if self.reset_at - now <= 60 else HOUR_S


@dataclass
class _State:
    windows: dict[int, _Window] = field(default_factory=dict)
    lengths: dict[int, float] = field(default_factory=dict)
    blocked_until: float = 0.0


class MemoryQuota:
    """The governor of one process; clocks are Unix seconds.

    `patience_s` is how long a caller sleeps here; a longer wait is raised as Transient(kind="quota"),
    so that a worker can do something else meanwhile.
    """

    def __init__(
        self, clock: Callable[[], float] = time.time, sleep: Callable[[float], None] = time.sleep, patience_s: float = 12.0
    ) -> None:
        self._clock, self._sleep, self._patience_s = clock, sleep, patience_s
        self._states: dict[str, _State] = {}
        self._guard = threading.Lock()

    def wait(self, connector: str, lane: str) -> None:
        while True:
            with self._guard:
                free_at = self._free_at(self._states.setdefault(connector, _State()), lane)
            if free_at is None:
                return
            ahead_s = free_at - self._clock()
            if ahead_s > self._patience_s:
                raise Transient(
                    f"{connector}: Procore's quota leaves nothing for {lane} work during the next {math.ceil(ahead_s)} s. "
                    "The work waits and goes on by itself.",
                    kind="quota",
                    retry_after_s=ahead_s,
                )
            self._sleep(max(0.01, ahead_s))

    def seen(self, connector: str, limit: int, remaining: int, reset_at: float) -> None:
        with self._guard:
            state = self._states.setdefault(connector, _State())
            known = state.windows.get(limit)
            if known is not None and not known.guessed and reset_at < known.reset_at - 1:
                return  # an answer that was overtaken: it speaks of a window that has ended
            if known is not None and (known.guessed or reset_at <= known.reset_at + 1):
                # Calls under way are counted here and not there yet, so the lower one is right.
                remaining = min(remaining, known.remaining)
            state.windows[limit] = _Window(limit, remaining, reset_at)
            state.lengths.setdefault(limit, state.windows[limit].length_s(self._clock()))

    def blocked_until(self, connector: str, unix_s: float) -> None:
        with self._guard:
            state = self._states.setdefault(connector, _State())
            state.blocked_until = max(state.blocked_until, unix_s)

    def _free_at(self, state: _State, lane: str) -> float | None:
        """None when a call may go now, which is then counted; else when to look again."""
        now = self._clock()
        if now < state.blocked_until:
            return state.blocked_until
        for window in state.windows.values():
            if now >= window.reset_at:
                # A new window begins with the next call; how it stands, its answer will say.
                window.remaining, window.guessed = window.limit, True
                window.reset_at = now + state.lengths[window.limit]
            if window.remaining <= self._reserve(window, lane):
                return window.reset_at
        for window in state.windows.values():
            window.remaining -= 1
        return None

    def _reserve(self, window: _Window, lane: str) -> int:
        # A limit of one or two calls has nothing to reserve.
        return min(math.ceil(window.limit * RESERVE.get(lane, RESERVE["schedule"])), window.limit - 1)
