"""Calls that nobody can repeat: after a crash in the middle of one, a person has to look whether it arrived."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from automations.actions import of_word
from automations.checks import Rule
from automations.checks._lines import Written, steps
from config.problems import Problem, problem


def check(rule: Rule) -> Iterator[Problem]:
    for step in steps(rule):
        key = _lacking(step)
        if key is not None:
            message = (
                f"{step.word} without {key}: when its answer is lost, the run waits for a person instead of calling again; "
                f"add {key}: with a value that names this one effect"
            )
            mark = step.node.at(["with"]).mark
            yield problem(mark, "TB170", message, suggestion=f"{key}:", severity="warning")


def _lacking(step: Written) -> str | None:
    """The parameter that would make the call repeatable."""
    action: Any = of_word(step.word)
    if step.word != "http.call" or "idempotency_key" not in action.Params.model_fields or "idempotency_key" in step.given:
        return None
    method = step.text("method") if "method" in step.given else "POST"
    return "idempotency_key" if method is not None and method.upper() == "POST" else None
