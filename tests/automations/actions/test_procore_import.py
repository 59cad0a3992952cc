"""procore.import: started once, waited for over restarts, and told how it ended."""

from __future__ import annotations

from typing import Any

import pytest

from automations.chores import Imported, Wish
from automations.engine import run
from automations.memory import MemoryJournal
from automations.outcomes import Outcome
from config.problems import Problems
from tests.automations.given import Far, automation, scope

RUNNING = Imported("running", {})


def imported(far: Far, journal: MemoryJournal, more: str = "") -> Outcome:
    rule = automation(f"do:\n  - {{id: load, use: procore.import, with: {{resource: RFIs{more}}}}}\n")
    return run(rule, scope(), journal, far)


def test_it_is_started_once_and_waited_for() -> None:
    journal, far = MemoryJournal(), Far()
    far.chores.states = [RUNNING, RUNNING, Imported("ok", {"new": 3, "changed": 1, "calls": 4, "read": 9})]
    outcomes = [imported(far, journal, ", mode: full, detect_deletes: true") for _ in range(3)]
    assert [one.state for one in outcomes] == ["waiting", "waiting", "ok"]
    assert outcomes[0].reason == "load waits for import 5 of RFIs"
    assert far.chores.asked == [(Wish("acme-prod", "RFIs", "full", None, "", True, False), "load")]
    assert journal.results["load"].output == {"new": 3, "changed": 1, "unchanged": 0, "deleted": 0, "calls": 4}


def test_it_is_looked_at_less_and_less_often() -> None:
    journal, far = MemoryJournal(), Far()
    far.chores.states = [RUNNING] * 12
    waits = [imported(far, journal).wait_s or 0.0 for _ in range(12)]
    assert waits[:3] == [2.0, 3.0, 4.5]
    assert waits[-1] == 30.0


def test_while_another_one_reads_the_same_list_it_waits_and_asks_again() -> None:
    journal, far = MemoryJournal(), Far()
    far.chores.import_id = None
    assert imported(far, journal).reason == "load waits until another import of RFIs has ended"
    far.chores.import_id = 6
    assert imported(far, journal).state == "ok"
    assert len(far.chores.asked) == 2


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_one_that_did_not_end_well_fails_the_step_with_its_reason(state: Any) -> None:
    journal, far = MemoryJournal(), Far()
    far.chores.states = [Imported(state, {}, "2 of 9 lists could not be read")]
    error = imported(far, journal).error
    assert error is not None
    assert error["kind"] == f"import_{state}"
    assert "2 of 9 lists" in error["message"]


def test_what_is_asked_for_reaches_the_import() -> None:
    far = Far()
    imported(far, MemoryJournal(), ", table: our_rfis, projects: [7], checkpoint: false")
    assert far.chores.asked == [(Wish("acme-prod", "RFIs", "incremental", ("7",), "our_rfis", False, True), "load")]


def test_shadow_imports_nothing() -> None:
    journal, far = MemoryJournal(dry=True), Far()
    assert imported(far, journal).state == "ok"
    assert far.chores.asked == []


@pytest.mark.parametrize(
    "more, code", [(", mode: changes", "TB112"), (", table: tieback_runs", "TB134"), (", table: 'a;b'", "TB134")]
)
def test_mistakes_are_found_when_the_rule_is_loaded(more: str, code: str) -> None:
    with pytest.raises(Problems) as raised:
        imported(Far(), MemoryJournal(), more)
    assert [p.code for p in raised.value.found] == [code]


def test_another_companys_connector_is_refused() -> None:
    far = Far()
    assert (imported(far, MemoryJournal(), ", connector: other-co").error or {})["kind"] == "other_company"
    assert far.chores.asked == []
