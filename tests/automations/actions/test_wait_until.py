"""wait.until: a time, or a condition about the record as it is at each look."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from automations.engine import run
from automations.memory import MemoryJournal
from automations.outcomes import Outcome
from config.problems import Problems
from tests.automations.given import NOW, Far, automation, rfi, scope

ANSWERED = 'condition: record.status == "closed", every: 1h, timeout: 48h'


def rule_of(given: str) -> Any:
    return automation(f"do:\n  - id: answer\n    use: wait.until\n    with: {{{given}}}\n")


def after(rule: Any, journal: MemoryJournal, hours: float, far: Far | None = None) -> Outcome:
    return run(rule, replace(scope(), moment=NOW + timedelta(hours=hours)), journal, far or Far())


def test_a_time_to_come_is_waited_for_and_one_that_has_passed_is_not() -> None:
    rule, journal = rule_of('time: "2026-03-21"'), MemoryJournal()
    assert after(rule, journal, 0).wait_s == 12 * 3600.0
    assert after(rule, journal, 12).state == "ok"
    assert after(rule_of('time: "2026-03-01"'), MemoryJournal(), 0).state == "ok"


def test_the_record_is_read_anew_at_each_look_and_the_first_that_fits_ends_the_wait() -> None:
    rule, journal, far = rule_of(ANSWERED), MemoryJournal(), Far(records={("RFIs", "22564874"): rfi()})
    # Given an open RFI: it is looked at again in an hour
    assert after(rule, journal, 0, far).wait_s == 3600.0
    # When it is closed meanwhile
    far.records["RFIs", "22564874"] = rfi(status="closed")
    assert after(rule, journal, 1, far).state == "ok"
    # Then the output says so
    output = journal.results["answer"].output
    assert (output["met"], output["record"]["status"]) == (True, "closed")
    assert len(far.asked) == 2


def test_the_wait_ends_at_its_timeout_though_nothing_happened() -> None:
    rule, journal, far = rule_of(ANSWERED), MemoryJournal(), Far(records={("RFIs", "22564874"): rfi()})
    after(rule, journal, 0, far)
    assert after(rule, journal, 47.5, far).wait_s == 1800.0
    assert after(rule, journal, 48, far).state == "ok"
    assert journal.results["answer"].output["met"] is False


def test_our_own_copy_costs_no_call() -> None:
    rule, far = rule_of(ANSWERED + ", read: copy"), Far()
    journal = MemoryJournal(copies={("RFIs", "22564874"): rfi(status="closed")})
    assert after(rule, journal, 0, far).state == "ok"
    assert far.asked == []


@pytest.mark.parametrize(
    "given, said",
    [
        ('condition: record.stauts == "closed", timeout: 48h', 'did you mean "status"?'),
        ('condition: record.status == "closed"', "needs timeout:"),
        ('condition: record.status == "closed", time: "2026-03-21", timeout: 1h', "not both"),
        ("every: 1h", "one of time: and condition:"),
    ],
)
def test_a_wait_that_cannot_be_right_is_refused_with_the_mend(given: str, said: str) -> None:
    with pytest.raises(Problems) as raised:
        rule_of(given)
    assert said in str(raised.value)
