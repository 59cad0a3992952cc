"""S10: time cards to payroll."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any

from tests.recipes.stack import Installation


def card(here: Installation, employee: str, hours: str, **fields: Any) -> str:
    given = {"employee": employee, "hours": hours, "status": "approved", "cost_code": "26-200", "date": "2026-03-02", **fields}
    return here.create("Timecard Entries", **given)


def cut_off(here: Installation) -> None:
    before = len(here.runs("payroll-cut-off"))
    here.its_time_comes("payroll-cut-off", "weekly")
    here.ended("payroll-cut-off", "", before + 1)


def paid(here: Installation) -> dict[str, Decimal]:
    """Hours by employee in the file of the last cut-off."""
    (file,) = here.file("payroll").glob("*.txt")
    found: dict[str, Decimal] = {}
    for line in file.read_text().splitlines():
        found[line[:20].strip()] = found.get(line[:20].strip(), Decimal(0)) + Decimal(line[42:50].strip())
    return found


def adjustments(here: Installation) -> list[tuple[str, str, str]]:
    (file,) = here.file("payroll").glob("*-adjustments.csv")
    return [(row["employee"], row["paid_hours"], row["hours"]) for row in csv.DictReader(io.StringIO(file.read_text()))]


def test_S10_an_edit_after_cut_off_is_one_adjustment_a_deleted_entry_reverses_and_totals_equal_the_source(
    here: Installation,
) -> None:
    # Given the time cards of a week, one without a cost code and one that nobody approved
    edited = card(here, "Payroll Ana", "8.0")
    gone = card(here, "Payroll Pat", "7.5")
    card(here, "Payroll Ana", "4.0")
    lost = card(here, "Payroll Kim", "3.0", cost_code=None)
    card(here, "Payroll Lee", "9.0", status="pending")
    here.until(
        lambda: len([r for r in here.table("timecards") if str(r.get("employee")).startswith("Payroll")]) == 5, "five time cards"
    )
    # When the week is cut off
    cut_off(here)
    # Then what is approved is paid, and the other two are not; the one without a code is listed
    assert {k: v for k, v in paid(here).items() if k.startswith("Payroll")} == {
        "Payroll Ana": Decimal("12.00"),
        "Payroll Pat": Decimal("7.50"),
    }
    (exceptions,) = here.file("payroll").glob("*-exceptions.csv")
    assert lost in exceptions.read_text()
    # When one is corrected twice over, one is deleted, and the next week is cut off
    here.settled(1.2)
    here.update("Timecard Entries", edited, hours="6.5")
    here.until(lambda: here.table("payroll_adjustments", entry_id=edited), "the adjustment")
    here.update("Timecard Entries", edited, description="a note that changes no hours")
    here.change("Timecard Entries", "delete", gone)
    here.until(lambda: here.table("payroll_adjustments", entry_id=gone), "the reversal")
    here.settled()
    cut_off(here)
    # Then each is one adjustment
    late = [one for one in adjustments(here) if one[0].startswith("Payroll")]
    assert sorted((name, Decimal(was), Decimal(now)) for name, was, now in late) == [
        ("Payroll Ana", Decimal("8.0"), Decimal("6.5")), ("Payroll Pat", Decimal("7.5"), Decimal("0")),
    ]  # fmt: skip
    # And what was paid and adjusted is what Procore has
    source = here.listed("Timecard Entries", here.project, start_date="2026-03-01", end_date="2026-03-05")
    approved = sum(Decimal(str(one["hours"])) for one in source if one.get("status") == "approved" and one.get("cost_code"))
    total = Decimal("19.50") + sum(Decimal(now) - Decimal(was) for _, was, now in late)
    assert total == approved
    # And a third cut-off repeats nothing
    for file in here.file("payroll").glob("*-adjustments.csv"):
        file.unlink()
    cut_off(here)
    assert list(here.file("payroll").glob("*-adjustments.csv")) == []
