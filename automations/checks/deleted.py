"""Rows that are written from a deleted record: the last copy would stand in the table as if it were there."""

from __future__ import annotations

from collections.abc import Iterator

from automations.checks import Rule
from automations.checks._lines import Written, steps, sure_of, top
from automations.facts import Fact, clash
from config.problems import Problem, problem

_DELETED = Fact("event.action", "in", ("delete",))


def check(rule: Rule) -> Iterator[Problem]:
    hearing = [one for one in rule.automation.triggers if one.kind == "webhook" and "delete" in one.actions]
    for step in steps(rule):
        if step.where != "do" or step.word != "db.upsert" or not _whole_record(step):
            continue
        if any(_reached(rule, step, [*sure_of(one), _DELETED]) for one in hearing):
            message = 'this also runs when the record was deleted, and would write it back; add if: event.action != "delete"'
            mend = 'if: event.action != "delete"'
            yield problem(step.given["row"].mark, "TB165", message, suggestion=mend, severity="warning")


def _whole_record(step: Written) -> bool:
    row = step.given.get("row")
    return row is not None and isinstance(row.value, str) and row.value.replace(" ", "") == "${record}"


def _reached(rule: Rule, step: Written, known: list[Fact]) -> bool:
    """Sure to be: no line before it could keep a deletion out. A line that is not understood might."""
    for line in [*top(rule), *step.lines]:
        if not line.facts and "event.action" in line.node.value:
            return False
        if any(fact.path.startswith(("record.", "changed")) for fact in line.facts) or "record" in line.node.value:
            return False
        if any(clash(known, fact) is not None for fact in line.facts):
            return False
    return True
