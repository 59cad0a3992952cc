"""Actions that cannot run where the rule is checked, because a package is not installed: a warning, it may be elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from automations.actions import of_word
from config.problems import Problem, problem
from config.yamlfile import Node

_LISTS = ("do", "on_error", "finally")


def lacking(node: Node) -> Iterator[Problem]:
    """One warning for each such step. An action says what it lacks by `lacking()`."""
    if not isinstance(node.value, dict):
        return
    for name in _LISTS:
        steps = node.value[name].value if name in node.value else []
        for step in steps if isinstance(steps, list) else []:
            use = step.value.get("use") if isinstance(step.value, dict) else None
            says = getattr(of_word(use.value), "lacking", None) if use is not None else None
            if use is not None and says is not None and (why := says()):
                yield problem(use.mark, "TB139", why, severity="warning")
