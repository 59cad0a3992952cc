"""Rules that start each other: an endless chain, cut only by the limit of hops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from automations.checks import Rule
from automations.checks._lines import Written, steps
from automations.parts import Trigger
from config.problems import Mark, Problem, problem

_WRITES = {"procore.create": "create", "procore.update": "update", "procore.sync": "update"}


@dataclass(frozen=True)
class Edge:
    """`start` makes `end` run: by a write to a resource, or because it ran. `sure`: no condition is between them."""

    start: str
    end: str
    by: str
    mark: Mark
    sure: bool


def across(rules: Sequence[Rule]) -> Iterator[Problem]:
    """TB180: each circle once, told at the step where it can be cut, with the whole way round."""
    live = [one for one in rules if one.automation.stage != "off"]
    edges = list(_edges(live))
    told: set[frozenset[str]] = set()
    for edge in edges:
        way = _way(edge.end, edge.start, edges, [edge])
        if way is None or (names := frozenset(one.start for one in way)) in told:
            continue
        told.add(names)
        circle = "; ".join(f"{one.start} {one.by} and starts {one.end}" for one in way)
        severity = "error" if all(one.sure for one in way) else "warning"
        message = f"automations start each other in a circle: {circle}; take one trigger out, or narrow it with field: and to:"
        yield problem(edge.mark, "TB180", message, severity=severity)  # type: ignore[arg-type]


def _way(here: str, goal: str, edges: Sequence[Edge], so_far: list[Edge]) -> list[Edge] | None:
    if here == goal:
        return so_far
    seen = {one.end for one in so_far[:-1]} | {one.start for one in so_far}
    for edge in edges:
        if edge.start == here and (edge.end == goal or edge.end not in seen):
            found = _way(edge.end, goal, edges, [*so_far, edge])
            if found is not None:
                return found
    return None


def _edges(rules: Sequence[Rule]) -> Iterator[Edge]:
    # Few rules write to Procore or start others; only those are held against all.
    for a in rules:
        for step in [one for one in steps(a) if one.word in _WRITES or one.word == "run.start"]:
            yield from _from_step(a, step, rules)
    for b in rules:
        for index, trigger in enumerate(b.automation.triggers):
            for name, _ in trigger.runs:
                mark = b.at(["when", index]).mark
                yield Edge(name, b.automation.id, "ends", mark, "if" not in b.node.value)


def _from_step(a: Rule, step: Written, rules: Sequence[Rule]) -> Iterator[Edge]:
    mark, start = step.node.at(["use"]).mark, a.automation.id
    if step.word == "run.start":
        sure = "if" not in step.node.value and "if" not in a.node.value
        yield Edge(start, step.text("automation") or "", "calls it", mark, sure)
        return
    for b in rules:
        if a is not b and any(_wakes(step, trigger) for trigger in b.automation.triggers):
            yield Edge(start, b.automation.id, _said(step), mark, False)


def _wakes(step: Written, trigger: Trigger) -> bool:
    """A write that this trigger hears: of its resource and, with `field:`, of that very field."""
    if trigger.kind != "webhook" or _WRITES.get(step.word) not in trigger.actions:
        return False
    resource, connector = step.text("resource"), step.text("connector")
    if resource is None or resource.lower() != trigger.resource.lower():
        return False
    if connector is not None and trigger.connector != connector:
        return False
    fields = step.given.get("fields")
    if trigger.transition is None or fields is None or not isinstance(fields.value, dict):
        return True
    root = trigger.transition.path[0]
    return any(name in (root, f"{root}_id") for name in fields.value)


def _said(step: Written) -> str:
    verb = {"procore.create": "creates", "procore.update": "updates", "procore.sync": "writes"}[step.word]
    return f"{verb} {step.text('resource')}"
