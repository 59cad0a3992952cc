"""rules.check: what is asked and told."""

from __future__ import annotations

from automations.chores import Verdict
from automations.engine import run
from automations.memory import MemoryJournal
from tests.automations.given import Far, automation, scope


def test_errors_and_warnings_are_counted_and_named() -> None:
    journal, far = MemoryJournal(), Far()
    far.chores.verdict = Verdict(1, 2, ("a.yaml:3:1 error TB204: …",))
    rule = automation("do:\n  - {id: check, use: rules.check, with: {names: [rule, acme-prod]}}\n")
    assert run(rule, scope(), journal, far).state == "ok"
    assert far.chores.asked == [["rule", "acme-prod"]]
    assert journal.results["check"].output == {
        "errors": 1,
        "would_fire": 0,
        "fired": 0,
        "differing": 0,
        "warnings": 2,
        "lines": ["a.yaml:3:1 error TB204: …"],
    }


def test_without_names_all_are_checked() -> None:
    far = Far()
    run(automation("do:\n  - {id: check, use: rules.check}\n"), scope(), MemoryJournal(), far)
    assert far.chores.asked == [[]]
