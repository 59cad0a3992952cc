"""Times and event ids in the spellings that Procore uses."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Clock = Callable[[], float]
"""Returns Unix seconds; tests pass their own."""

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def iso(seconds: float) -> str:
    """Record timestamps: UTC with a `Z`, whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).isoformat()[:19] + "Z"


def day_in(zone: str, seconds: float) -> datetime:
    """The day it is in a project's time zone, which decides what its daily logs call today."""
    try:
        here = datetime.fromtimestamp(seconds, ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError):
        here = datetime.fromtimestamp(seconds, UTC)  # this machine has no time zone tables
    return datetime(here.year, here.month, here.day, tzinfo=UTC)


def iso_micro(seconds: float) -> str:
    """Event timestamps: UTC with a `Z`, microseconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def ulid(seconds: float) -> str:
    """26 characters: 48 bits of milliseconds, then 80 random bits."""
    number = (int(seconds * 1000) << 80) | secrets.randbits(80)
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))
