"""Lengths of time that contradict each other: a first wait above the longest, a silence that every quiet night would be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from automations import durations
from automations.checks import Rule
from config.problems import Problem, problem
from config.yamlfile import Node


def check(rule: Rule) -> Iterator[Problem]:
    yield from _retry(rule.node)
    for name in ("do", "on_error", "finally"):
        listed = rule.node.value.get(name)
        for step in listed.value if listed is not None and isinstance(listed.value, list) else []:
            yield from _retry(step)
            yield from _longer_than_the_run(rule, step)


def _retry(node: Node) -> Iterator[Problem]:
    given = node.value.get("retry") if isinstance(node.value, dict) else None
    if given is None or not isinstance(given.value, dict):
        return
    first, most = _seconds(given, "first", 5.0), _seconds(given, "max", 900.0)
    if first > most:
        named = "first" if "first" in given.value else "max"
        message = f"first: {durations.shown(first)} is longer than max: {durations.shown(most)}; every wait would be the same"
        yield problem(given.at([named]).mark, "TB173", f"{message}; exchange them")


def _longer_than_the_run(rule: Rule, step: Node) -> Iterator[Problem]:
    if not isinstance(step.value, dict) or "timeout" not in step.value:
        return
    own, whole = _seconds(step, "timeout", 0.0), rule.automation.limits.timeout
    if own > whole:
        message = f"timeout: {durations.shown(own)} is longer than the whole run may take ({durations.shown(whole)}); "
        yield problem(step.at(["timeout"]).mark, "TB173", message + "raise limits: timeout:, or shorten it")


def _seconds(node: Node, key: str, otherwise: float) -> float:
    child: Any = node.value.get(key)
    try:
        return durations.seconds(child.value) if child is not None else otherwise
    except ValueError:
        return otherwise
