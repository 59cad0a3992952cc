"""Which days are business days.

A calendar is read once and travels as text, so that the functions depend on their values alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from config import yamlfile
from config.problems import Problem, Problems, did_you_mean, nearest, problem
from config.yamlfile import Node

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MAX_DAYS = 20_000
_KEYS = ("format", "name", "weekend", "holidays")
_YEARLY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\Z")


@dataclass(frozen=True)
class Calendar:
    """`weekend` counts from Monday = 0; `holidays` are ISO dates, or `12-25` for every year."""

    weekend: frozenset[int] = frozenset({5, 6})
    holidays: frozenset[str] = frozenset()

    def works(self, day: date) -> bool:
        written = day.isoformat()
        return day.weekday() not in self.weekend and written not in self.holidays and written[5:] not in self.holidays

    def text(self) -> str:
        """All of it in one line: what `business_days()` is handed."""
        return f"{','.join(map(str, sorted(self.weekend)))};{','.join(sorted(self.holidays))}"


@lru_cache(maxsize=256)
def _of(text: str) -> Calendar:
    weekend, _, holidays = text.partition(";")
    return Calendar(frozenset(int(day) for day in weekend.split(",") if day), frozenset(filter(None, holidays.split(","))))


def between(first: datetime, last: datetime, calendar: str) -> int:
    """Business days after the day of `first`, up to and with that of `last`; negative when `last` is earlier.

    So `business_days(t, add_business_days(t, n, c), c)` is n. Days are those of UTC.
    Raises: ValueError when they are more than MAX_DAYS apart.
    """
    a, b = first.astimezone(UTC).date(), last.astimezone(UTC).date()
    if abs((b - a).days) > MAX_DAYS:
        raise ValueError(f"business_days(): {a} and {b} are more than {MAX_DAYS} days apart")
    works = _of(calendar).works
    if b >= a:
        return sum(works(a + timedelta(days=n)) for n in range(1, (b - a).days + 1))
    return -sum(works(b + timedelta(days=n)) for n in range((a - b).days))


def after(start: datetime, count: int, calendar: str) -> datetime:
    """The same time on the `count`th business day after (before, when negative) the day of `start`.

    Raises: ValueError when that is more than MAX_DAYS away.
    """
    works, step = _of(calendar).works, 1 if count > 0 else -1
    here, left = start.astimezone(UTC), abs(count)
    if left > MAX_DAYS:
        raise ValueError(f"add_business_days(): {count} days is too far; at most {MAX_DAYS}")
    for _ in range(MAX_DAYS + 1):
        if left == 0:
            return here
        here += timedelta(days=step)
        left -= works(here.date())
    raise ValueError(f"add_business_days(): no {abs(count)} business days within {MAX_DAYS} days")


def parse(text: str, file: str) -> Calendar:
    """A calendar from YAML: `weekend` (days by name) and `holidays` (dates, or a map of date to name).

    Raises: Problems.
    """
    node = yamlfile.parse(text, file)
    found = list(_wrong(node))
    if found:
        raise Problems(found, text)
    weekend = node.value["weekend"].unmarked() if "weekend" in node.value else ["saturday", "sunday"]
    return Calendar(frozenset(DAYS.index(day.lower()) for day in weekend), frozenset(d for d, _ in _dates(node)))


def _wrong(node: Node) -> Iterator[Problem]:
    if not isinstance(node.value, dict):
        yield problem(node.mark, "TB106", "a calendar is a mapping; write weekend: and holidays:")
        return
    for key in node.value:
        if key not in _KEYS:
            mend = did_you_mean(key, _KEYS) or f"; there are {', '.join(_KEYS)}"
            yield problem(node.keys[key], "TB104", f'"{key}" is no key of a calendar{mend}', suggestion=nearest(key, _KEYS))
    yield from _wrong_weekend(node.value.get("weekend"))
    holidays = node.value.get("holidays")
    if holidays is not None and not isinstance(holidays.value, (list, dict)):
        yield problem(holidays.mark, "TB106", '"holidays" must be a list of dates, or a map of date to name')
        return
    for written, at in _dates(node):
        if not _is_day(written):
            yield problem(at.mark, "TB106", f'"{written}" is no date; write it as 2026-12-25, or 12-25 for every year')


def _wrong_weekend(given: Node | None) -> Iterator[Problem]:
    if given is None:
        return
    if not isinstance(given.value, list):
        yield problem(given.mark, "TB106", '"weekend" must be a list of days, such as [saturday, sunday]')
        return
    for one in given.value:
        if str(one.value).lower() not in DAYS:
            mend = did_you_mean(str(one.value), DAYS) or f"; write {', '.join(DAYS)}"
            yield problem(
                one.mark, "TB112", f'"{one.value}" is no day of the week{mend}', suggestion=nearest(str(one.value), DAYS)
            )
    if {str(one.value).lower() for one in given.value} == set(DAYS):
        yield problem(given.mark, "TB106", "a weekend of seven days leaves no business day; take days out")


def _dates(node: Node) -> list[tuple[str, Node]]:
    holidays = node.value.get("holidays")
    if holidays is None:
        return []
    if isinstance(holidays.value, dict):
        return [(day, Node(day, holidays.keys[day], {})) for day in holidays.value]
    return [(str(one.value), one) for one in holidays.value]


def _is_day(text: str) -> bool:
    if _YEARLY.match(text):
        return True
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
