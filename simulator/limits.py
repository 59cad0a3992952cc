"""The two rate limits: one hour and a spike of ten seconds, for each company that the app calls.

Source: Procore documentation, rate limiting. Each window begins with its first call.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from typing import Any

from simulator.records import Json
from simulator.stamps import Clock

PROSE = "You have surpassed the max number of requests for an hour. Please wait until your limit resets."
BODIES: dict[str, Any] = {
    "prose": PROSE,
    "errors": {"errors": PROSE},
    "message": {"message": PROSE},
    "html": "<html>\r\n<head><title>429 Too Many Requests</title></head>\r\n"
    "<body>\r\n<center><h1>429 Too Many Requests</h1></center>\r\n</body>\r\n</html>\r\n",
}
"""The bodies that a 429 may have; only its prose is documented, its wrapping is not."""


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

    def shown(self, now: float) -> Json:
        return {"limit": self.limit, "left": self.left(now), "resets_in_s": round(self.ends - now, 3)}


@dataclass
class RateLimits:
    """`retry_after` and `body` say how a 429 looks; None leaves both to the profile."""

    hourly: int
    spike: int
    clock: Clock
    retry_after: bool | None = None
    body: str | None = None
    _windows: dict[int | None, tuple[_Window, _Window]] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _refused: int = 0
    _ordered: int = 0
    _fewest: int | None = None

    def take(self, company_id: int | None) -> Quota:
        """Count one call; a call over the limit is refused and not counted."""
        with self._guard:
            now = self.clock()
            windows = self._of(company_id)
            allowed = min(window.left(now) for window in windows) > 0
            if allowed:
                for window in windows:
                    window.used += 1
            quota = _nearest(windows, now, allowed)
            self._refused += not allowed
            self._fewest = quota.remaining if self._fewest is None else min(self._fewest, quota.remaining)
            return quota

    def look(self, company_id: int | None) -> Quota:
        """As `take`, without counting."""
        with self._guard:
            now = self.clock()
            return _nearest(self._of(company_id), now, True)

    def order(self, company_id: int | None, wait_s: int) -> Quota:
        """A refusal that a fault asked for, with calls left or not."""
        limit = self.look(company_id).limit
        with self._guard:
            self._ordered += 1
        return Quota(False, limit, 0, int(self.clock()) + wait_s)

    def answer(self, quota: Quota, strict: bool) -> tuple[Any, dict[str, str]]:
        """Body and headers of a 429.

        The pages of the documentation differ on Retry-After with a 429: the strict profile leaves it out.
        """
        told = not strict if self.retry_after is None else self.retry_after
        wait = max(1, quota.reset - int(self.clock()))
        return BODIES[self.body or ("errors" if strict else "prose")], {"Retry-After": str(wait)} if told else {}

    def describe(self) -> Json:
        """For proofs: `refused` counts the 429s that a limit gave, `ordered` those of a fault."""
        with self._guard:
            now = self.clock()
            return {
                "hourly": self.hourly,
                "spike": self.spike,
                "retry_after": self.retry_after,
                "body": self.body,
                "refused": self._refused,
                "ordered": self._ordered,
                "fewest_left": self._fewest,
                "companies": [
                    {"company_id": company_id, "spike": spike.shown(now), "hour": hour.shown(now)}
                    for company_id, (spike, hour) in self._windows.items()
                ],
            }

    def set(self, hourly: int, spike: int) -> None:
        """Other limits from now on; windows begin anew."""
        with self._guard:
            self.hourly, self.spike = hourly, spike
            self._windows.clear()

    def refill(self) -> None:
        with self._guard:
            self._windows.clear()

    def forget(self) -> None:
        """Begin the counts of `describe` anew; the windows stay."""
        with self._guard:
            self._refused, self._ordered, self._fewest = 0, 0, None

    def _of(self, company_id: int | None) -> tuple[_Window, _Window]:
        fresh = (_Window(self.spike, 10), _Window(self.hourly, 3600))
        return self._windows.setdefault(company_id, fresh)


def _nearest(windows: tuple[_Window, _Window], now: float, allowed: bool) -> Quota:
    # With both used up the later reset is the true one, hence the second key.
    window = min(windows, key=lambda one: (one.left(now), -one.ends))
    return Quota(allowed, window.limit, window.left(now), math.ceil(window.ends))
