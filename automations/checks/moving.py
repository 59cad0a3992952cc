"""Transitions that cannot happen: from a value to the same value, or on events that have no earlier copy."""

from __future__ import annotations

from collections.abc import Iterator

from automations.checks import Rule
from config.problems import Problem, problem


def check(rule: Rule) -> Iterator[Problem]:
    for index, trigger in enumerate(rule.automation.triggers):
        moved = trigger.transition
        if moved is None:
            continue
        here = rule.at(["when", index])
        if moved.was is not None and moved.becomes is not None and moved.becomes and len({*moved.was, *moved.becomes}) == 1:
            message = f'from: and to: are both "{moved.was[0]}", and a value does not change to itself; change one of them'
            yield problem(here.at(["to"]).mark, "TB164", message)
        if moved.was is not None and trigger.kind == "webhook" and trigger.actions == {"create"}:
            message = "a new record has no earlier value, so from: never fits; listen to update"
            yield problem(here.key_mark(["from"]), "TB164", message, suggestion="actions: [update]")
        if trigger.kind == "webhook" and trigger.actions == {"delete"}:
            message = "a deleted record does not change any more, so field: never fits; listen to update"
            yield problem(here.key_mark(["field"]), "TB164", message, suggestion="actions: [update]")
        elif trigger.kind == "webhook" and "delete" in trigger.actions and "actions" in here.at(["webhook"]).value:
            others = sorted(trigger.actions - {"delete"})
            message = (
                f"a deleted record does not change any more, so delete never fits field:; write actions: [{', '.join(others)}]"
            )
            written = here.at(["webhook", "actions"])
            mark = next((one.mark for one in written.value if one.value == "delete"), written.mark)
            yield problem(mark, "TB164", message, suggestion=f"actions: [{', '.join(others)}]")
