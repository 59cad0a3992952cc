"""`${…}` where nothing fills it in, and keys that were left without a value: both would mean something else in silence."""

from __future__ import annotations

from collections.abc import Iterator

from config.problems import Problem, problem
from config.yamlfile import Node

_ELSEWHERE = frozenset({"with", "foreach", "if", "where", "key", "tests"})  # compiled, or data
_FREE = frozenset({"vars", "labels"})  # names of the author's own; a constant may be null
# A trigger's kind says enough by being there.
_EMPTY_IS_FINE = frozenset({"manual"})


def unfilled(node: Node, inside: str = "") -> Iterator[Problem]:
    """Of everything in a file but the parameters of its steps and its tests. `inside` is the key of this mapping."""
    for key, child in node.value.items():
        if key in _ELSEWHERE and inside not in _FREE:
            continue
        if child.value is None and inside not in _FREE and key not in _EMPTY_IS_FINE:
            yield problem(child.mark, "TB106", f'"{key}:" has no value; write one, or take the line out')
        yield from _below(child, key)


def _below(node: Node, key: str) -> Iterator[Problem]:
    if isinstance(node.value, dict):
        yield from unfilled(node, key)
    elif isinstance(node.value, list):
        for child in node.value:
            yield from _below(child, key)
    elif isinstance(node.value, str) and "${" in node.value:
        yield problem(node.mark, "TB219", "${…} is not filled in here, only inside with: of a step; write the value itself")
