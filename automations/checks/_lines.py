"""The `if:` lines of a rule with their facts, and what each trigger makes sure of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from automations.checks import Rule
from automations.facts import Fact, facts
from automations.parts import Trigger
from config.problems import Mark
from config.yamlfile import Node

LISTS = ("do", "on_error", "finally")


@dataclass(frozen=True)
class Line:
    """One `if:` line. `marks` says where each of its facts stands."""

    node: Node
    facts: tuple[Fact, ...]

    def mark(self, rule: Rule, fact: Fact) -> Mark:
        return rule.place(self.node, fact.offset)


def lines(node: Node) -> list[Line]:
    """The lines below an `if:` or `where:`."""
    items = node.value if isinstance(node.value, list) else [node]
    return [Line(one, tuple(facts(one.value))) for one in items if isinstance(one.value, str)]


def top(rule: Rule) -> list[Line]:
    return lines(rule.at(["if"])) if "if" in rule.node.value else []


@dataclass(frozen=True)
class Written:
    """A step as it is written. `where` is `do`, `on_error` or `finally`."""

    where: str
    index: int
    node: Node

    @property
    def word(self) -> str:
        return str(self.node.value["use"].value)

    @property
    def given(self) -> dict[str, Node]:
        child = self.node.value.get("with")
        return child.value if child is not None and isinstance(child.value, dict) else {}

    @property
    def lines(self) -> list[Line]:
        return lines(self.node.value["if"]) if "if" in self.node.value else []

    def text(self, name: str) -> str | None:
        """A parameter that is written out as text, None when it is absent or a template."""
        child = self.given.get(name)
        return child.value if child is not None and isinstance(child.value, str) and "${" not in child.value else None


def steps(rule: Rule) -> Iterator[Written]:
    """Every step of the file, in order."""
    for name in LISTS:
        listed = rule.node.value.get(name)
        for index, node in enumerate(listed.value if listed is not None and isinstance(listed.value, list) else []):
            if isinstance(node.value, dict) and "use" in node.value:
                yield Written(name, index, node)


def sure_of(trigger: Trigger) -> list[Fact]:
    """What holds whenever this trigger fired."""
    known = [Fact("run.trigger", "in", (trigger.id,), text=f"trigger {trigger.id}")]
    if trigger.kind != "webhook":
        return known
    said = f"actions: [{', '.join(sorted(trigger.actions))}]"
    known.append(Fact("event.action", "in", tuple(sorted(trigger.actions)), text=said))
    moved = trigger.transition
    if moved is None:
        return known
    path = ".".join(moved.path)
    if moved.becomes is not None:
        known.append(Fact(f"record.{path}", "in", _plain(moved.becomes), text=f"to: [{', '.join(map(str, moved.becomes))}]"))
    # Without from: it fires on create too, where there is no previous.
    if moved.was is not None:
        known.append(Fact(f"previous.{path}", "in", _plain(moved.was), text=f"from: [{', '.join(map(str, moved.was))}]"))
    return known


def _plain(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(float(v) if isinstance(v, int) and not isinstance(v, bool) else v for v in values)
