"""S2: the ladder of what is overdue, and the weekly digest."""

from __future__ import annotations

import csv
import datetime as dt
import io
from zoneinfo import ZoneInfo

import pytest

from automations import recipes
from automations.definition import load
from automations.timing import following
from tests.recipes.stack import Installation, today

PERSON = {"id": 9, "name": "Ana Ruiz"}


def overdue(business_days: int) -> str:
    """A due date so many weekdays ago; 0 is today."""
    day = today()
    while business_days:
        day -= dt.timedelta(days=1)
        business_days -= day.weekday() < 5 and (day.month, day.day) not in ((1, 1), (7, 4), (12, 25)) and day.isoformat() not in (
            "2026-11-26", "2027-11-25",
        )  # fmt: skip
    return day.isoformat()


def sweep(here: Installation) -> None:
    here.its_time_comes("rfi-ageing")


def kept(here: Installation, subject: str, due: str) -> str:
    """An open RFI of which we have a copy."""
    id = here.create("RFIs", subject=subject, status="open", due_date=due, ball_in_court=PERSON, rfi_manager=PERSON, private=True)
    here.until(lambda: here.rows("SELECT 1 FROM tieback_records WHERE record_id = :id", id=id), f"a copy of {subject}")
    return id


def test_S2_each_rung_once_per_item_and_a_due_date_change_resets_the_ladder(here: Installation) -> None:
    # Given RFIs that are 3, 8 and 20 business days late, and one that is not
    low = kept(here, "Ladder low", overdue(4))
    kept(here, "Ladder middle", overdue(9))
    kept(here, "Ladder high", overdue(21))
    kept(here, "Ladder none", overdue(0))
    # When two mornings pass
    sweep(here)
    here.until(lambda: here.sink("pm-office", "Ladder high"), "the escalation")
    here.until(lambda: here.sink("site-ops", "Ladder low"), "the reminder")
    sweep(here)
    here.settled()
    # Then each has its own rung, once
    assert len(here.sink("site-ops", "Ladder low")) == 1
    assert len(here.sink("site-ops", "Ladder middle")) == 1
    assert len(here.sink("pm-office", "Ladder high")) == 1
    assert (
        here.sink("site-ops", "Ladder high") == here.sink("pm-office", "Ladder low") == here.sink("site-ops", "Ladder none") == []
    )
    # When one gets a new date, and that passes as well
    here.update("RFIs", low, due_date=(today() + dt.timedelta(days=9)).isoformat())
    here.settled()
    sweep(here)
    here.update("RFIs", low, due_date=overdue(3 + 1 + 1))
    here.settled()
    sweep(here)
    # Then it begins at the bottom again
    here.until(lambda: len(here.sink("site-ops", "Ladder low")) == 2, "the reminder of the new date")
    assert here.sink("pm-office", "Ladder low") == []
    here.settled()
    assert [row["rung"] for row in here.table("ageing", record_id=low)] == ["first"]
    # And what is closed leaves the list
    here.update("RFIs", low, status="closed")
    here.until(lambda: here.table("ageing", record_id=low) == [], "its leaving")


def test_S2_a_manager_gets_one_digest_with_links_counts_and_a_csv(here: Installation) -> None:
    kept(here, "For the digest", overdue(5))
    sweep(here)
    here.until(lambda: here.sink("site-ops", "For the digest"), "the reminder")
    here.settled()
    here.its_time_comes("ageing-digest", "schedule")
    (mail,) = here.until(lambda: here.mails("ana.ruiz@acme.example", "overdue items"), "the digest")
    count = len(here.table("ageing", manager="Ana Ruiz"))
    assert mail["Subject"] == f"{count} overdue items"
    (attached,) = mail.iter_attachments()
    rows = list(csv.DictReader(io.StringIO(attached.get_content())))
    assert len(rows) == count
    assert all(row["link"].startswith("https://app.procore.com/") for row in rows)
    assert all(row["link"] in mail.get_body(("plain",)).get_content() for row in rows)  # type: ignore[union-attr]


@pytest.mark.parametrize("sunday", [dt.date(2026, 3, 8), dt.date(2026, 11, 1)], ids=["spring", "autumn"])
@pytest.mark.parametrize("name", ["rfi-ageing", "submittal-ageing"])
def test_S2_a_week_with_a_change_of_clocks_sends_once_a_day(name: str, sunday: dt.date) -> None:
    # Given the times of a sweep in a zone where the clocks change on Sunday
    zone = ZoneInfo("America/Chicago")
    rule = load(recipes.instantiate(name, "acme"), name)
    since = dt.datetime.combine(sunday - dt.timedelta(days=3), dt.time(0, 0), zone)
    until = dt.datetime.combine(sunday + dt.timedelta(days=4), dt.time(0, 0), zone)
    for trigger in rule.triggers[:3]:
        assert trigger.timing is not None
        # When the week passes
        times = [following(trigger.timing, since.astimezone(dt.UTC), zone.key)]
        while (after := following(trigger.timing, times[-1], zone.key)) < until:
            times.append(after)
        # Then each day has one look, at seven by its own clocks
        local = [one.astimezone(zone) for one in times]
        assert [one.date() for one in local] == [since.date() + dt.timedelta(days=n) for n in range(7)]
        assert {one.time() for one in local} == {dt.time(7, 0)}
