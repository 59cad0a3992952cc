"""procore.apply_hooks: at once, or when a person agrees."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from automations.actions import of_word
from automations.chores import Planned
from automations.context import Budget, Context
from automations.memory import MemoryJournal
from automations.outcomes import Answered, Ask, Done
from tests.automations.given import NOW, Far, event

PLAN = Planned("1", 2, 1, 1, ("acme-prod, the company: create hook", "acme-prod, project 7: delete hook"))


def applied(far: Far, approve: str = "operator", answer: Answered | None = None, **more: Any) -> Any:
    action: Any = of_word("procore.apply_hooks")
    journal = more.pop("journal", None) or MemoryJournal()
    context = Context("rule", "apply", event(), journal, far, Budget(10), NOW, NOW)
    return action.run(action.Params(plan="1", approve=approve), replace(context, answer=answer))


@pytest.fixture
def far() -> Far:
    far = Far()
    far.chores.plans["1"] = PLAN
    return far


def test_auto_applies_at_once(far: Far) -> None:
    assert applied(far, "auto") == Done({"applied": 2, "approved": True, "by": "", "lines": list(PLAN.lines)})
    assert far.chores.asked == [("apply", "1")]


def test_operator_asks_and_does_nothing_before_the_answer(far: Far) -> None:
    asked = applied(far)
    assert isinstance(asked, Ask)
    assert asked.question == "Apply 2 changes of hooks, 1 of them deletions, at Procore?"
    assert asked.about == {"lines": list(PLAN.lines)}
    assert far.chores.asked == []


def test_an_approval_applies_and_a_rejection_does_not(far: Far) -> None:
    assert applied(far, answer=Answered("reject", "cli:ana")).output == {
        "applied": 0,
        "approved": False,
        "by": "cli:ana",
        "lines": [],
    }
    assert applied(far, answer=Answered("")).output["approved"] is False
    assert far.chores.asked == []
    assert applied(far, answer=Answered("approve", "cli:ana")).output["by"] == "cli:ana"
    assert far.chores.asked == [("apply", "1")]


def test_a_plan_without_changes_asks_nobody(far: Far) -> None:
    far.chores.plans["1"] = Planned("1", 0, 0, 0, ())
    assert applied(far).output["applied"] == 0


def test_shadow_applies_nothing(far: Far) -> None:
    assert "2 changes of hooks" in applied(far, "auto", journal=MemoryJournal(dry=True)).output["would"]
    assert far.chores.asked == []
