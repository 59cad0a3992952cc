"""Keys that do not tell one thing from another: `flow:` keys that are never the same twice, effect keys that always are."""

from __future__ import annotations

from collections.abc import Iterator

from automations.checks import Rule
from automations.checks._lines import Written, steps
from automations.fields import ANY, Field
from automations.scanning import scan
from automations.templates import expressions_in
from config.problems import Problem, problem
from config.yamlfile import Node

# What no two events, or no two runs, have in common.
_UNIQUE = frozenset({"event.id", "event.key", "event.timestamp", "run.id", "run.now"})
_SO = {
    "coalesce": "nothing is ever gathered",
    "overlap": "no run ever meets another one",
    "throttle": "no limit is ever reached",
}
_EFFECTS = {"notify.send": "once", "http.call": "idempotency_key", "procore.create": "origin_id"}
_ROOTS = ("event", "record", "previous", "vars", "run", "steps", "item", "error", "lookup")
_OPEN = Field("map", fields=dict.fromkeys(_ROOTS, ANY))


def check(rule: Rule) -> Iterator[Problem]:
    """TB141 for a key of `flow:`, TB174 for the key of an effect."""
    for name, so in _SO.items():
        key = rule.at(["flow", name, "key"])
        if isinstance(key.value, str) and "flow" in rule.node.value and (why := _never_twice(rule, name, key.value)) is not None:
            mend = "event.resource_id" if name != "throttle" else "event.project_id"
            message = f"{why}, so {so}; name what they share, such as {mend}"
            yield problem(key.mark, "TB141", message, suggestion=mend)
    for step in steps(rule):
        yield from _of_effect(step)


def _never_twice(rule: Rule, name: str, text: str) -> str | None:
    if name not in (rule.at(["flow"]).value or {}):
        return None
    unique = next((path.text for path in scan(text, _OPEN).paths if path.text in _UNIQUE), None)
    return None if unique is None else f"{unique} differs for every {'run' if unique.startswith('run') else 'event'}"


def _of_effect(step: Written) -> Iterator[Problem]:
    name = _EFFECTS.get(step.word)
    given: Node | None = step.given.get(name) if name else None
    if given is None or not isinstance(given.value, str):
        return
    named = [path for text in expressions_in(given) for path in scan(text, _OPEN).paths]
    if any(path.text == "run.attempt" for path in named):
        message = f"run.attempt makes {name}: another one at each attempt, so a retry does it twice; take it out"
        yield problem(given.mark, "TB174", message)
    elif all(path.names[0] == "vars" or path.text == "run.rule" for path in named):
        message = f"{name}: is the same for every event, so only the first is done, ever; add what differs, such as ${{event.id}}"
        yield problem(given.mark, "TB174", message, severity="warning")
