"""The two rate limits: one hour and a spike of ten seconds.

Source: Procore documentation, rate limiting. Each window begins with its first call.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field

from simulator.stamps import Clock

PROSE = "You have surpassed the max number of requests for an hour. Please wait until your limit resets."


@dataclass(frozen=True)
class Quota:
    """What the headers of one answer say: of the window nearest to exhaustion."""

    allowed: bool
    limit: int
    remaining: int
    reset: int

    def headers(self) -> dict[str, str]:
        return {
            "X-Rate-Limit-Limit": str(self.limit),
            "X-Rate-Limit-Remaining": str(self.remaining),
            "X-Rate-Limit-Reset": str(self.reset),
        }


@dataclass
class _Window:
    limit: int
    seconds: int
    ends: float = 0.0
    used: int = 0

    def left(self, now: float) -> int:
        if now >= self.ends:
            self.ends, self.used = now + self.seconds, 0
        return max(0, self.limit - self.used)


@dataclass
class RateLimits:
    hourly: int
    spike: int
    clock: Clock
    _windows: dict[int | None, tuple[_Window, _Window]] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def take(self, company_id: int | None) -> Quota:
        """Count one call; a call over the limit is refused and not counted."""
        with self._guard:
            now = self.clock()
            windows = self._of(company_id)
            allowed = min(window.left(now) for window in windows) > 0
            if allowed:
                for window in windows:
                    window.used += 1
            return _nearest(windows, now, allowed)

    def look(self, company_id: int | None) -> Quota:
        """As `take`, without counting."""
        with self._guard:
            now = self.clock()
            return _nearest(self._of(company_id), now, True)

    def _of(self, company_id: int | None) -> tuple[_Window, _Window]:
        fresh = (_Window(self.spike, 10), _Window(self.hourly, 3600))
        return self._windows.setdefault(company_id, fresh)

    def refill(self) -> None:
        with self._guard:
            self._windows.clear()


def _nearest(windows: tuple[_Window, _Window], now: float, allowed: bool) -> Quota:
    # With both used up the later reset is the true one, hence the second key.
    window = min(windows, key=lambda one: (one.left(now), -one.ends))
    return Quota(allowed, window.limit, window.left(now), math.ceil(window.ends))
