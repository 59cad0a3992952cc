"""Calls to Procore that a rule makes for each event: more than it allows itself, one for each item, or for nothing."""

from __future__ import annotations

from collections.abc import Iterator

from automations.checks import Rule
from automations.checks._lines import Written, steps
from automations.fields import ANY, Field
from automations.scanning import scan
from automations.templates import Unclosed, pieces
from config.problems import Problem, problem
from config.yamlfile import Node

_READS = frozenset({"procore.get", "procore.list"})
_FREE = frozenset({"procore.plan_hooks"})
_UNBOUNDED = frozenset({"procore.import", "procore.check_deliveries", "procore.apply_hooks"})


def check(rule: Rule) -> Iterator[Problem]:
    """TB171 when the calls exceed limits: api_calls, TB172 for a call whose answer nobody reads."""
    yield from _too_many(rule)
    used = _named_steps(rule.node)
    for step in steps(rule):
        name = _id(step)
        if step.word in _READS and name not in used:
            message = f"{step.word} costs a call to Procore, and no later step reads steps.{name or '<id>'}.output; take it out"
            yield problem(step.node.at(["use"]).mark, "TB172", message, severity="warning")


def _too_many(rule: Rule) -> Iterator[Problem]:
    allowed = rule.automation.limits.api_calls
    calls = sum(_calls(rule, step) for step in steps(rule) if step.where == "do")
    if calls > allowed:
        mark = rule.at(["limits", "api_calls"]).mark if "limits" in rule.node.value else rule.node.key_mark(["do"])
        message = f"its steps make at least {calls} calls to Procore, and limits: api_calls: allows {allowed}; raise it"
        yield problem(mark, "TB171", message, suggestion=f"api_calls: {calls}", severity="warning")


def _calls(rule: Rule, step: Written) -> int:
    """The fewest calls that the step makes when it runs; none when a line may skip it."""
    family = step.word.partition(".")[0] == "procore" and step.word not in _FREE | _UNBOUNDED
    if not family or "if" in step.node.value:
        return 0
    return _items(rule, step) if "foreach" in step.node.value else 1


def _items(rule: Rule, step: Written) -> int:
    """How many items a foreach surely has: those that are written out."""
    node = step.node.value["foreach"]
    if isinstance(node.value, list):
        return len(node.value)
    text = str(node.value).strip().removeprefix("${").removesuffix("}").strip()
    listed = rule.automation.vars.get(text.removeprefix("vars.")) if text.startswith("vars.") else None
    return len(listed) if isinstance(listed, list) else 0


def _id(step: Written) -> str | None:
    given = step.node.value.get("id")
    return str(given.value) if given is not None else None


def _named_steps(node: Node) -> set[str | None]:
    """Every step that any expression of the file names."""
    return {path[1] for text in _texts(node) for path in _paths(text) if len(path) > 1 and path[0] == "steps"}


def _texts(node: Node) -> Iterator[str]:
    inner = node.value.values() if isinstance(node.value, dict) else node.value if isinstance(node.value, list) else ()
    for child in inner:
        yield from _texts(child)
    if not isinstance(node.value, str) or "steps" not in node.value:
        return
    if "${" not in node.value:
        yield node.value
        return
    try:
        yield from (one.text for one in pieces(node.value) if one.is_expression)
    except Unclosed:
        return


def _paths(text: str) -> list[tuple[str, ...]]:
    return [path.names for path in scan(text, _OPEN).paths]


_OPEN = Field("map", fields={"steps": Field("map"), **dict.fromkeys(("record", "event", "vars", "run", "item"), ANY)})
