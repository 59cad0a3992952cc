"""ask.approve: a run waits for a person, and what was said is its output."""

from __future__ import annotations

from typing import Any

import pytest

from automations.engine import run
from automations.memory import MemoryJournal
from automations.outcomes import Answered
from tests.automations.given import Far, automation, scope


@pytest.fixture
def rule() -> Any:
    return automation(
        'do:\n  - id: ask\n    use: ask.approve\n    with: {question: "Send ${record.number}?", timeout: 3d}\n'
        '  - id: send\n    if: steps.ask.output.choice == "approve"\n    use: set\n    with: {sent: true}\n'
    )


def test_the_run_waits_until_somebody_answers(rule: Any) -> None:
    journal = MemoryJournal()
    told = run(rule, scope(), journal, Far())
    assert (told.state, told.wait_s) == ("waiting", 3 * 86400.0)
    assert journal.asked["ask"].question == "Send 12?"


@pytest.mark.parametrize(
    "answer, choice, sent",
    [
        (Answered("approve", "cli:ana", "2026-03-20T13:00:00Z", "fine"), "approve", "ok"),
        (Answered("reject", "cli:ana"), "reject", "skipped"),
        (Answered(""), "timeout", "skipped"),
    ],
)
def test_the_answer_decides_what_follows(rule: Any, answer: Answered, choice: str, sent: str) -> None:
    journal = MemoryJournal(answers={"ask": answer})
    assert run(rule, scope(), journal, Far()).state == "ok"
    assert journal.results["ask"].output["choice"] == choice
    assert journal.results["send"].state == sent


def test_in_shadow_nobody_is_asked_and_the_first_choice_is_assumed(rule: Any) -> None:
    journal = MemoryJournal(dry=True)
    assert run(rule, scope(), journal, Far()).state == "ok"
    assert journal.asked == {}
    assert journal.results["send"].state == "ok"
