"""Business days: counted and added by one calendar, whatever the holidays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automations import calendars
from automations.calendars import MAX_DAYS, Calendar, after, between, parse
from config.problems import Problems

US = Calendar(holidays=frozenset({"2026-11-26", "12-25"}))
FRIDAY = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
CALENDARS = st.builds(
    Calendar, st.frozensets(st.integers(0, 6), max_size=5), st.frozensets(st.sampled_from(["2026-11-26", "12-25", "2027-01-01"]))
)
TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)).map(lambda t: t.replace(tzinfo=UTC))


def test_a_weekend_and_a_holiday_do_not_count() -> None:
    # Given the week of 2026-11-23, whose Thursday is a holiday
    assert after(FRIDAY, 1, US.text()) == datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
    assert after(FRIDAY, 4, US.text()) == datetime(2026, 11, 27, 15, 30, tzinfo=UTC)
    assert between(FRIDAY, FRIDAY + timedelta(days=7), US.text()) == 4


def test_a_yearly_holiday_is_one_in_every_year() -> None:
    christmas = datetime(2031, 12, 25, tzinfo=UTC)
    assert not US.works(christmas.date())
    assert between(christmas - timedelta(days=1), christmas, US.text()) == 0


def test_the_same_day_is_no_day_apart() -> None:
    assert between(FRIDAY, FRIDAY + timedelta(hours=5), US.text()) == 0
    assert after(FRIDAY, 0, US.text()) == FRIDAY


@given(TIMES, st.integers(-300, 300), CALENDARS)
def test_what_was_added_is_what_is_counted(start: datetime, count: int, calendar: Calendar) -> None:
    there = after(start, count, calendar.text())
    assert between(start, there, calendar.text()) == count
    assert there.timetz() == start.timetz()
    assert count == 0 or calendar.works(there.date())


def test_what_would_take_for_ever_is_refused() -> None:
    with pytest.raises(ValueError, match="too far"):
        after(FRIDAY, MAX_DAYS + 1, US.text())
    with pytest.raises(ValueError, match="days apart"):
        between(FRIDAY, FRIDAY + timedelta(days=MAX_DAYS + 1), US.text())


@pytest.mark.parametrize(
    "text",
    [
        "weekend: [Friday, saturday]\nholidays: [2026-12-25, 01-01]\n",
        "name: gulf\nweekend: [friday, saturday]\nholidays: {2026-12-25: Christmas, 01-01: New Year}\n",
    ],
)
def test_a_calendar_is_read_from_yaml(text: str) -> None:
    assert parse(text, "calendars/gulf.yaml") == Calendar(frozenset({4, 5}), frozenset({"2026-12-25", "01-01"}))


def test_without_a_word_the_weekend_is_saturday_and_sunday() -> None:
    assert parse("holidays: [2026-12-25]", "c.yaml").weekend == {5, 6}


@pytest.mark.parametrize(
    ("text", "at", "code", "says"),
    [
        ("- 2026-12-25", (1, 1), "TB106", "mapping"),
        ("weekends: [sunday]", (1, 1), "TB104", 'did you mean "weekend"?'),
        ("weekend: [saturday, sonday]", (1, 21), "TB112", 'did you mean "sunday"?'),
        ("weekend: saturday", (1, 10), "TB106", "list of days"),
        ("holidays: 2026-12-25", (1, 11), "TB106", "list of dates"),
        ("holidays:\n  - 2026-02-30", (2, 5), "TB106", "no date"),
        ("holidays:\n  - 25.12.2026", (2, 5), "TB106", "2026-12-25"),
        (f"weekend: [{', '.join(calendars.DAYS)}]", (1, 10), "TB106", "no business day"),
    ],
)
def test_a_mistake_in_a_calendar_is_one_line_with_its_mend(text: str, at: tuple[int, int], code: str, says: str) -> None:
    with pytest.raises(Problems) as raised:
        parse(text, "calendars/us.yaml")
    (found,) = raised.value.found
    assert ((found.line, found.column), found.code) == (at, code)
    assert says in found.message
