"""How many of a process's threads are at work, and what part of them were during the last minutes."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SAMPLES = 100


class Load:
    """`slots` threads share it. `sample` closes a span of time, from whose whole length it tells the part that was worked."""

    def __init__(self, slots: int, clock: Callable[[], float] = time.monotonic):
        self.slots = slots
        self._clock = clock
        self._lock = threading.Lock()
        self._busy = 0
        self._worked_s = 0.0
        self._seen_at = self._began_at = clock()
        self._parts: deque[int] = deque(maxlen=SAMPLES)

    @property
    def busy(self) -> int:
        return self._busy

    @contextmanager
    def working(self) -> Iterator[None]:
        """One thread is at work inside the block."""
        self._step(1)
        try:
            yield
        finally:
            self._step(-1)

    def sample(self) -> list[int]:
        """Close the span: per cent of the slots that were busy in it, after those of the spans before, the newest last."""
        with self._lock:
            moment = self._catch_up()
            whole_s = (moment - self._began_at) * self.slots
            if whole_s > 0:
                self._parts.append(min(100, round(100 * self._worked_s / whole_s)))
            self._worked_s, self._began_at = 0.0, moment
            return list(self._parts)

    def _step(self, more: int) -> None:
        with self._lock:
            self._catch_up()
            self._busy += more

    def _catch_up(self) -> float:
        moment = self._clock()
        self._worked_s += (moment - self._seen_at) * self._busy
        self._seen_at = moment
        return moment
