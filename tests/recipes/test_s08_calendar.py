"""S8: due dates on a calendar."""

from __future__ import annotations

from typing import Any

from icalendar import Calendar

from tests.recipes.stack import Installation

NAME = "due-dates-calendar"
ANA, STRANGER = {"id": 9, "name": "Ana Ruiz"}, {"id": 10, "name": "Somebody Else"}


def entries(here: Installation, word: str) -> dict[str, Any]:
    """Title to date of the entries about this."""
    found: list[Any] = Calendar.from_ical(here.file("calendars/due-dates.ics").read_bytes()).walk("VEVENT")
    return {str(one["SUMMARY"]): one["DTSTART"].dt.isoformat() for one in found if word in str(one.get("DESCRIPTION", ""))}


def test_S8_a_moved_date_updates_one_entry_and_a_person_removed_loses_entries(here: Installation) -> None:
    # Given a submittal of one of ours, with two dates
    given = {"title": "Rebar drawings", "due_date": "2026-12-10", "required_on_site_date": "2027-01-20", "submittal_manager": ANA}
    id = here.create("Submittals", status={"id": 1, "name": "Open"}, ball_in_court=[], **given)
    here.ended(NAME, id)
    assert sorted(entries(here, "Rebar").values()) == ["2026-12-10", "2027-01-20"]
    # When one date moves
    here.settled(1.2)
    here.update("Submittals", id, due_date="2026-12-17")
    here.ended(NAME, id, 2)
    # Then one entry moved
    assert sorted(entries(here, "Rebar").values()) == ["2026-12-17", "2027-01-20"]
    # When somebody else has it
    here.settled(1.2)
    here.update("Submittals", id, submittal_manager=STRANGER)
    here.ended(NAME, id, 3)
    # Then its entries are gone
    assert entries(here, "Rebar") == {}


def test_S8_a_delete_event_needs_no_fetch(here: Installation) -> None:
    id = here.create("RFIs", subject="Door swing", status="open", due_date="2026-12-11", rfi_manager=ANA, private=True)
    here.ended(NAME, id)
    assert list(entries(here, "Door swing").values()) == ["2026-12-11"]
    here.settled()
    # When it is deleted
    read = len(here.rows("SELECT 1 FROM tieback_fetches WHERE record_id = :id", id=id))
    here.change("RFIs", "delete", id)
    here.ended(NAME, id, 2)
    # Then its entry is gone, and nothing was read for that
    assert entries(here, "Door swing") == {}
    assert len(here.rows("SELECT 1 FROM tieback_fetches WHERE record_id = :id", id=id)) == read
