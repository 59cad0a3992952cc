"""Lengths of time as people write them in rules: `3s`, `30m`, `2h`, `1d`."""

from __future__ import annotations

import re

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)\Z")
_LONGEST_S = 366 * 86400


def seconds(text: object) -> float:
    """`"2m"` is 120.0. Raises: ValueError with a sentence that says what to write."""
    match = _DURATION.match(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{spell(text)} is no length of time; write a number and s, m, h or d, such as 30s or 2h")
    value = float(match.group(1)) * _SECONDS[match.group(2)]
    if value > _LONGEST_S:
        raise ValueError(f"{spell(text)} is longer than a year; write at most 366d")
    return value


def rate(text: object) -> tuple[int, float]:
    """`"20/1h"` is (20, 3600.0). Raises: ValueError with a sentence that says what to write."""
    count, slash, per = text.partition("/") if isinstance(text, str) else ("", "", "")
    if not slash or not re.fullmatch(r"[0-9]{1,9}", count.strip()) or int(count) < 1:
        raise ValueError(f"{spell(text)} is no rate; write how many in which time, such as 20/1h")
    per_s = seconds(per.strip() if per.strip()[:1].isdigit() else f"1{per.strip()}")
    if per_s <= 0:
        raise ValueError(f"{spell(text)} is no rate; its time must not be 0")
    return int(count), per_s


def spell(value: object) -> str:
    """A value as a sentence names it."""
    if isinstance(value, (bool, type(None))):
        return {True: "true", False: "false", None: "empty"}[value]
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "a mapping"
    return f'"{value}"' if isinstance(value, str) else str(value)


def shown(seconds_: float) -> str:
    """120.0 is `2m`: the largest unit that needs no fraction."""
    for unit in ("d", "h", "m", "s"):
        if seconds_ >= _SECONDS[unit] and seconds_ % _SECONDS[unit] == 0:
            return f"{seconds_ / _SECONDS[unit]:g}{unit}"
    return f"{seconds_:g}s"
