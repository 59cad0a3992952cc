"""Windows of time to read a list in: by `updated_at`, or by the days of daily logs.

Whether Procore's bounds are inclusive, and whether its clock agrees with ours, nobody says, so windows overlap.
An open end is not documented; the last window ends in the far future, and so a record that changes while the
list is read stays in it and moves none of the others to an earlier page.
Source: Procore documentation, filtering and daily logs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

Window = tuple[str, str]

OVERLAP = dt.timedelta(minutes=5)
NARROWEST = dt.timedelta(minutes=1)
MOST_DAYS = 91
# Logs are entered ahead and behind: so much is read before a project began and after today.
MARGIN = dt.timedelta(days=MOST_DAYS)
LONGEST = dt.timedelta(days=3650)
END = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)


def changes(since: dt.datetime) -> list[Window]:
    """What changed since then, five minutes more."""
    return [(stamp(since - OVERLAP), stamp(END))]


def filter_of(window: Window) -> str:
    """The window as `filters[updated_at]` takes it: A...B."""
    return "...".join(window)


def halves(window: Window, now: dt.datetime) -> list[Window]:
    """The window in two, for a list that is too much at once; [] when it is as narrow as makes sense."""
    first, last = (dt.datetime.fromisoformat(text) for text in window)
    middle = first + (min(last, now) - first) / 2
    if middle - first < NARROWEST:
        return []
    # Both halves have the middle second: bounds may be exclusive.
    return [(stamp(first), stamp(middle + dt.timedelta(seconds=1))), (stamp(middle), stamp(last))]


def stamp(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def days(first: dt.date, last: dt.date) -> Iterator[Window]:
    """The days from first to last, both included, at most 91 at a time; the newest first."""
    while last >= first:
        start = max(first, last - dt.timedelta(days=MOST_DAYS - 1))
        yield start.isoformat(), last.isoformat()
        last = start - dt.timedelta(days=1)


def of_project(project: Mapping[str, Any], today: dt.date) -> tuple[dt.date, dt.date]:
    """The days on which a project may have logs, by its own dates, with a margin on both sides.

    A day more than needed costs nothing, so the project's time zone does not matter.
    """
    starts = [day for key in ("created_at", "start_date", "actual_start_date") if (day := _day(project.get(key)))]
    ends = [day for key in ("completion_date", "projected_finish_date") if (day := _day(project.get(key)))]
    first = max(min(starts, default=today - LONGEST / 2), today - LONGEST)
    last = min(max([today, *ends]), today + LONGEST)
    return min(first, today) - MARGIN, last + MARGIN


def _day(value: Any) -> dt.date | None:
    try:
        return dt.date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
