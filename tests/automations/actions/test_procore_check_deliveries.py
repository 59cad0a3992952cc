"""procore.check_deliveries: what is asked of Procore's log, and what is told."""

from __future__ import annotations

from automations.chores import Missed
from automations.engine import run
from automations.memory import MemoryJournal
from tests.automations.given import Far, automation, scope

RULE = "do:\n  - {id: gaps, use: procore.check_deliveries, with: {since: 2h, status: [discarded]}}\n"


def test_what_was_missed_is_counted_and_what_is_lost_has_a_reason() -> None:
    journal, far = MemoryJournal(), Far()
    far.chores.missed = Missed(3, 2, 1, ("delivery 9: no payload",))
    assert run(automation(RULE), scope(), journal, far).state == "ok"
    assert far.chores.asked == [("acme-prod", 7200.0, ["discarded"])]
    told = {"found": 3, "missed": 3, "repaired": 2, "unrepairable": 1, "reasons": ["delivery 9: no payload"]}
    assert journal.results["gaps"].output == told


def test_shadow_asks_nothing() -> None:
    far = Far()
    assert run(automation(RULE), scope(), MemoryJournal(dry=True), far).state == "ok"
    assert far.chores.asked == []


def test_another_companys_log_is_not_asked() -> None:
    far = Far()
    rule = automation(RULE.replace("since: 2h", "connector: other-co"))
    assert (run(rule, scope(), MemoryJournal(), far).error or {})["kind"] == "other_company"
    assert far.chores.asked == []
