"""What is wrong with an automation although each part of it is right. One file each, found by its name. A module has

    check(rule) -> Iterable[Problem]          of one automation, which loads (optional)
    across(rules) -> Iterable[Problem]        of all automations of a site together (optional)

A check that is not sure says nothing: a false alarm costs more than a missed one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from automations.known import Known
from automations.parts import Automation
from automations.places import place
from config import modules, yamlfile
from config.problems import Mark, Problem
from config.yamlfile import Node


@dataclass(frozen=True)
class Rule:
    """A loaded automation beside the text it came from: `node` is the whole file."""

    automation: Automation
    node: Node
    known: Known

    def at(self, path: Sequence[str | int]) -> Node:
        return self.node.at(path)

    def place(self, node: Node, offset: int) -> Mark:
        return place(self.automation.source, node, offset)


def found(node: Node, automation: Automation, known: Known) -> list[Problem]:
    """All that the checks of one automation say."""
    rule = Rule(automation, node, known)
    return [one for module in _modules() for one in getattr(module, "check", _nothing)(rule)]


def across(automations: Sequence[Automation], known: Known) -> list[Problem]:
    """All that the checks of a whole site say."""
    rules = [Rule(one, yamlfile.parse(one.source, one.file), known) for one in automations]
    return [one for module in _modules() for one in getattr(module, "across", _nothing)(rules)]


def _modules() -> Iterator[Any]:
    return (modules.load(__name__, name) for name in modules.names(__name__))


def _nothing(_: object) -> tuple[Problem, ...]:
    return ()
