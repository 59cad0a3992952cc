"""When to try again: which errors are worth it, and how long to wait."""

from __future__ import annotations

import re

from automations.parts import Retry
from config.errors import Transient

DEFAULT = Retry()


def wait_s(retry: Retry, error: Transient, attempt: int) -> float | None:
    """Seconds until the next attempt after this one failed (`attempt` counts from 1); None when there is no next.

    What the far end asked for (Retry-After) is a minimum, even above `max`.
    """
    if attempt >= retry.attempts or not wanted(retry, error.kind):
        return None
    factor = 2 ** min(attempt - 1, 30) if retry.backoff == "exponential" else 1
    return max(min(retry.first * factor, retry.max), error.retry_after_s or 0.0)


def wanted(retry: Retry, kind: str) -> bool:
    """`only: [http_5xx]` means every kind from http_500 to http_599 too."""
    return retry.only is None or any(kind == one or _family(one, kind) for one in retry.only)


def _family(pattern: str, kind: str) -> bool:
    return pattern.endswith("xx") and re.fullmatch(re.escape(pattern[:-2]) + r"\d\d", kind) is not None
