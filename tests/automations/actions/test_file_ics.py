"""file.ics: entries follow their record."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar

from config.problems import Problems
from tests.automations.actions.filing import Desk

DUE = "path: a.ics, entries: {due: {start: 2026-04-01, title: RFI 12 due}}"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def entries(desk: Desk, path: str = "a.ics") -> dict[str, Any]:
    calendar = Calendar.from_ical(desk.bytes_of(path))
    return {str(one["SUMMARY"]): one for one in calendar.walk("VEVENT")}


def test_a_date_is_an_all_day_entry(desk: Desk) -> None:
    output = desk.output("file.ics", DUE)
    assert output == {"path": "a.ics", "entries": 1, "added": 1, "changed": 0, "removed": 0}
    entry = entries(desk)["RFI 12 due"]
    assert (entry["DTSTART"].dt, entry["DTEND"].dt) == (date(2026, 4, 1), date(2026, 4, 2))
    assert b"DTSTART;VALUE=DATE:20260401" in desk.bytes_of("a.ics")
    assert entry["SEQUENCE"] == 0


def test_a_moved_date_changes_the_one_entry_and_raises_its_sequence(desk: Desk) -> None:
    desk.output("file.ics", DUE, key="e1")
    before = entries(desk)["RFI 12 due"]
    output = desk.output("file.ics", DUE.replace("04-01", "04-09"), key="e2")
    after = entries(desk)["RFI 12 due"]
    assert (output["entries"], output["changed"]) == (1, 1)
    assert (after["UID"], after["SEQUENCE"], after["DTSTART"].dt) == (before["UID"], 1, date(2026, 4, 9))


def test_done_again_after_a_crash_nothing_changes(desk: Desk) -> None:
    desk.output("file.ics", DUE, key="e1")
    desk.crash("file.ics", DUE.replace("04-01", "04-09"), key="e2")
    before = desk.bytes_of("a.ics")
    desk.output("file.ics", DUE.replace("04-01", "04-09"), key="e2")
    assert desk.bytes_of("a.ics") == before
    assert entries(desk)["RFI 12 due"]["SEQUENCE"] == 1


def test_a_record_has_several_entries_and_one_that_is_left_out_or_has_no_date_goes(desk: Desk) -> None:
    two = "path: a.ics, entries: {site: {start: 2026-04-01, title: On site}, final: {start: 2026-05-01, title: Final}}"
    assert desk.output("file.ics", two, key="e1")["entries"] == 2
    gone = "path: a.ics, entries: {site: {start: 2026-04-01, title: On site}, final: {start: null, title: Final}}"
    assert desk.output("file.ics", gone, key="e2")["removed"] == 1
    assert list(entries(desk)) == ["On site"]


def test_removing_takes_the_records_entries_and_no_others(desk: Desk) -> None:
    desk.output("file.ics", DUE, key="e1")
    desk.output("file.ics", "path: a.ics, record: other, entries: {due: {start: 2026-04-01, title: Other}}", key="e2")
    assert desk.output("file.ics", "path: a.ics, remove: true", key="e3")["removed"] == 1
    assert list(entries(desk)) == ["Other"]


def test_an_older_state_of_the_record_changes_nothing(desk: Desk) -> None:
    newer, older = ', version: "2026-03-02T00:00:00Z"', ', version: "2026-03-01T00:00:00Z"'
    desk.output("file.ics", DUE.replace("04-01", "04-09") + newer, key="e2")
    assert desk.output("file.ics", DUE + older, key="e1")["changed"] == 0
    assert entries(desk)["RFI 12 due"]["DTSTART"].dt == date(2026, 4, 9)
    assert desk.output("file.ics", f"path: a.ics, remove: true{older}", key="e0")["removed"] == 0


def test_a_time_stands_in_its_zone_with_its_rules_or_in_utc(desk: Desk) -> None:
    timed = 'entries: {due: {start: "2026-07-01T15:00:00Z", title: Meeting}}'
    desk.output("file.ics", f"path: utc.ics, {timed}")
    assert b"DTSTART:20260701T150000Z" in desk.bytes_of("utc.ics")
    desk.output("file.ics", f"path: zone.ics, timezone: America/Chicago, {timed}")
    text = desk.bytes_of("zone.ics")
    assert b"DTSTART;TZID=America/Chicago:20260701T100000" in text
    assert text.count(b"BEGIN:VTIMEZONE") == 1
    assert entries(desk, "zone.ics")["Meeting"]["DTSTART"].dt.astimezone(UTC) == datetime(2026, 7, 1, 15, tzinfo=UTC)
    # And a destination brings its own zone, file and title
    desk.output("file.ics", f"to: 'ics:pm', {timed}", key="e2")
    assert b"X-WR-CALNAME:Due dates" in desk.bytes_of("calendars/pm.ics")
    assert b"TZID=America/Chicago" in desk.bytes_of("calendars/pm.ics")


def test_what_a_record_holds_stays_one_value_of_one_entry(desk: Desk) -> None:
    hostile = '"x\\r\\nEND:VEVENT\\r\\nBEGIN:VEVENT\\nATTENDEE:mailto:a@b\\x00\\u2028;,\\\\"'
    desk.output("file.ics", f"path: a.ics, record: {hostile}, entries: {{due: {{start: 2026-04-01, title: {hostile}, "
                f"description: {hostile}, location: {hostile}}}}}")  # fmt: skip
    found = list(entries(desk).values())
    assert len(found) == 1
    assert "ATTENDEE" not in found[0]
    assert all(len(line) <= 75 for line in desk.bytes_of("a.ics").splitlines())


def test_a_link_is_a_web_address(desk: Desk) -> None:
    for wrong in ("javascript:alert(1)", '"https://a\\r\\nATTENDEE:x"', "x"):
        error = desk.error("file.ics", f"path: a.ics, entries: {{due: {{start: 2026-04-01, title: x, link: {wrong}}}}}")
        assert "is no web address" in error["message"]


def test_entries_of_others_in_the_file_stay(desk: Desk) -> None:
    desk.root.mkdir(parents=True)
    by_hand = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:By hand\r\nDTSTART:20260101T000000Z\r\n"
    )
    (desk.root / "a.ics").write_text(by_hand + "END:VEVENT\r\nEND:VCALENDAR\r\n")
    desk.output("file.ics", DUE)
    assert sorted(entries(desk)) == ["By hand", "RFI 12 due"]


def test_a_file_that_is_no_calendar_is_left_alone(desk: Desk) -> None:
    desk.root.mkdir(parents=True)
    (desk.root / "a.ics").write_text("hello")
    assert "is no calendar" in desk.error("file.ics", DUE)["message"]
    assert desk.bytes_of("a.ics") == b"hello"


def test_runs_at_once_lose_no_entry(desk: Desk) -> None:
    folder = desk.far.folder()
    desks = [Desk(desk.root.parent) for _ in range(6)]
    assert folder.names() == []
    work = [
        threading.Thread(target=d.output, args=("file.ics", DUE.replace("path", f"record: r{n}, path")), kwargs={"key": f"e{n}"})
        for n, d in enumerate(desks)
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert len(Calendar.from_ical(desk.bytes_of("a.ics")).walk("VEVENT")) == 6


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{start: 2026-04-02, end: 2026-04-01, title: x}", "is before start"),
        ('{start: 2026-04-02, end: "2026-04-03T00:00:00Z", title: x}', "are both dates or both times"),
    ],
)
def test_an_entry_that_ends_wrongly_is_an_error(entry: str, said: str, desk: Desk) -> None:
    assert said in desk.error("file.ics", f"path: a.ics, entries: {{due: {entry}}}")["message"]


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ("path: a.ics", "TB133"),
        ("entries: {due: {start: 2026-04-01, title: x}}", "TB133"), ("path: a.txt, remove: true", "TB133"),
        (DUE + ", remove: true", "TB133"), (DUE + ", to: 'ics:pm'", "TB133"), ("to: 'files:exports', remove: true", "TB136"),
        ("path: a.ics, entries: {due: {start: soon, title: x}}", "TB133"),
        ("path: a.ics, entries: {due: {title: x}}", "TB132"),
        ("path: a.ics, entries: {'a b': {start: 2026-04-01, title: x}}", "TB108"), ("to: 'ics:other', remove: true", "TB136"),
    ],
)  # fmt: skip
def test_what_is_no_entry_is_refused_at_load(parameters: str, code: str, desk: Desk) -> None:
    with pytest.raises(Problems) as raised:
        desk.run("file.ics", parameters)
    assert code in {p.code for p in raised.value.found}
