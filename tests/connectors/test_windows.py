import datetime as dt
from typing import Any

import pytest

from connectors import windows

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
TODAY = NOW.date()


def test_a_window_begins_five_minutes_early_and_ends_in_the_far_future() -> None:
    (one,) = windows.changes(NOW)
    assert windows.filter_of(one) == "2026-03-01T11:55:00Z...2100-01-01T00:00:00Z"


def test_halves_overlap_and_cover_the_whole() -> None:
    first, second = windows.halves(("2026-02-01T00:00:00Z", "2100-01-01T00:00:00Z"), NOW)
    assert (first[0], second[1]) == ("2026-02-01T00:00:00Z", "2100-01-01T00:00:00Z")
    assert second[0] < first[1] < windows.stamp(NOW)


def test_a_window_of_a_minute_is_not_halved() -> None:
    assert windows.halves(("2026-03-01T11:59:30Z", "2100-01-01T00:00:00Z"), NOW) == []


def test_days_are_cut_into_at_most_91_with_no_day_left_out() -> None:
    found = list(windows.days(dt.date(2025, 1, 1), dt.date(2025, 12, 31)))
    spans = [(dt.date.fromisoformat(a), dt.date.fromisoformat(b)) for a, b in found]
    assert all((b - a).days < 91 for a, b in spans)
    every = {a + dt.timedelta(days=n) for a, b in spans for n in range((b - a).days + 1)}
    assert every == {dt.date(2025, 1, 1) + dt.timedelta(days=n) for n in range(365)}


@pytest.mark.parametrize(
    "project,first,last",
    [
        ({"created_at": "2026-01-05T10:00:00Z"}, dt.date(2026, 1, 5), TODAY),
        ({"created_at": "2026-01-05T10:00:00Z", "start_date": "2025-11-01"}, dt.date(2025, 11, 1), TODAY),
        ({"start_date": "2025-11-01", "completion_date": "2027-01-01"}, dt.date(2025, 11, 1), dt.date(2027, 1, 1)),
        ({"start_date": "soon", "created_at": None, "completion_date": 7}, TODAY - windows.LONGEST / 2, TODAY),
        ({"start_date": "0001-01-01", "completion_date": "9999-12-31"}, TODAY - windows.LONGEST, TODAY + windows.LONGEST),
        ({"start_date": "2030-01-01"}, TODAY, TODAY),
    ],
)
def test_a_projects_own_dates_bound_its_days(project: dict[str, Any], first: dt.date, last: dt.date) -> None:
    assert windows.of_project(project, TODAY) == (first - windows.MARGIN, last + windows.MARGIN)
