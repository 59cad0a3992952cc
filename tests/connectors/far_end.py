"""A far end with both windows, as Procore documents them, for tests whose clock only they move."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class Window:
    """Begins with its first call, or every `length_s` by the clock when `by_the_clock`."""

    limit: int
    length_s: float
    by_the_clock: bool = False
    ends: float = 0.0
    used: int = 0

    def left(self, now: float) -> int:
        if now >= self.ends:
            self.used = 0
            self.ends = (math.floor(now / self.length_s) + 1) * self.length_s if self.by_the_clock else now + self.length_s
        return self.limit - self.used


class FarEnd:
    """Counts calls; `refused` are those over a limit. `take` answers what the headers say: limit, left and reset."""

    def __init__(self, spike: int = 25, hourly: int = 600, *, by_the_clock: bool = False, skew_s: float = 0.0):
        self.windows = [Window(spike, 10.0, by_the_clock), Window(hourly, 3600.0, by_the_clock)]
        self.skew_s = skew_s
        self.refused = self.served = 0

    def take(self, now: float) -> tuple[int, int, float]:
        """Limit, left, and seconds until the reset as whole-second stamps tell it."""
        if min(one.left(now) for one in self.windows) <= 0:
            self.refused += 1
        else:
            self.served += 1
            for one in self.windows:
                one.used += 1
        shown = min(self.windows, key=lambda one: (one.left(now), -one.ends))
        here = now + self.skew_s
        return shown.limit, max(0, shown.left(now)), math.ceil(shown.ends + self.skew_s) - math.floor(here)
