"""Words of format 1 that this version does not read yet: each refused by name, never silently ignored."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from automations import written
from config.problems import Mark, Problem, problem
from config.yamlfile import Node


def as_now(node: Node) -> tuple[Node, list[Problem]]:
    """The automation without the words to come, and a problem for each of them."""
    found: list[Problem] = []
    node = _without(node, written.LATER_KEYS, found)
    node = _below(node, "limits", lambda n: _without(n, written.LATER_LIMITS, found))
    node = _below(node, "when", lambda n: _each(n, lambda item: _trigger(item, found)))
    node = _below(node, "do", lambda n: _each(n, lambda item: _step(item, found)))
    return node, found


def later(mark: Mark, word: str) -> Problem:
    return problem(mark, "TB111", f"{word} is part of format 1 but not available in this version yet; take it out for now")


def _trigger(node: Node, found: list[Problem]) -> Node:
    if isinstance(node.value, dict) and set(node.value) & written.LATER_TRIGGERS:
        found.extend(later(mark, f'"{key}:"') for key, mark in node.keys.items() if key in written.LATER_TRIGGERS)
        # Without its kind nothing of the trigger can be checked; an empty manual one stands in for it.
        return Node({"manual": Node({}, node.mark, {})}, node.mark, {"manual": node.mark})
    return _without(node, written.LATER_TRIGGER_KEYS, found)


def _step(node: Node, found: list[Problem]) -> Node:
    node = _without(node, written.LATER_STEP_KEYS, found)
    use = node.value.get("use") if isinstance(node.value, dict) else None
    if use is not None and use.value in written.LATER_ACTIONS:
        found.append(later(use.mark, str(use.value)))
        return replace(node, value={k: v for k, v in node.value.items() if k != "with"} | {"use": replace(use, value="set")})
    return node


def _without(node: Node, words: Collection[str], found: list[Problem]) -> Node:
    if not isinstance(node.value, dict):
        return node
    found.extend(later(node.keys[word], f'"{word}:"') for word in node.value if word in words)
    kept = {key: child for key, child in node.value.items() if key not in words}
    return replace(node, value=kept)


def _below(node: Node, key: str, change: Callable[[Node], Node]) -> Node:
    if not isinstance(node.value, dict) or key not in node.value:
        return node
    return replace(node, value={**node.value, key: change(node.value[key])})


def _each(node: Node, change: Callable[[Node], Node]) -> Node:
    return replace(node, value=[change(item) for item in node.value]) if isinstance(node.value, list) else node


def all_later() -> Iterator[str]:
    yield from sorted(
        written.LATER_KEYS | written.LATER_TRIGGERS | written.LATER_TRIGGER_KEYS | written.LATER_STEP_KEYS | written.LATER_ACTIONS
    )
