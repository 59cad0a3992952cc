"""Conditions that can never hold: two lines that exclude each other, or a line that no trigger lets through.

A rule that never fires is the quietest of all mistakes. Each line is held against those before it and against what every
trigger makes sure of; it is complained of only when no trigger is left for which it could be true.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from automations.checks import Rule
from automations.checks._lines import Line, lines, steps, sure_of, top
from automations.facts import Fact, alternatives, clash
from config.problems import Problem, problem

World = tuple[Fact, ...]  # what is known when one trigger fired


def check(rule: Rule) -> Iterator[Problem]:
    """TB160 for a rule that can never fire, TB161 for a step that can never run, TB162 for a line that always holds.

    A dead step harms nothing else, so it is a warning.
    """
    found, worlds = _through(rule, top(rule), _worlds(rule), "the automation never fires", "TB160")
    yield from found
    every = [*top(rule), *(line for step in steps(rule) for line in step.lines)]
    for step in steps(rule) if worlds else ():
        yield from _through(rule, step.lines, worlds, "the step never runs", "TB161")[0]
    for line in every:
        yield from _always(rule, line)


def _worlds(rule: Rule) -> list[World]:
    """One for each trigger; what its `where:` says is known as well, unless it excludes itself."""
    return [(*sure_of(trigger), *_where(rule, index)) for index, trigger in enumerate(rule.automation.triggers)]


def _where(rule: Rule, index: int) -> list[Fact]:
    here = rule.at(["when", index])
    owners = [here, *here.value.values()] if isinstance(here.value, dict) else []
    nodes = [one.value["where"] for one in owners if isinstance(one.value, dict) and "where" in one.value]
    return [fact for node in nodes for line in lines(node) for fact in line.facts]


def _through(rule: Rule, given: Sequence[Line], worlds: list[World], so: str, code: str) -> tuple[list[Problem], list[World]]:
    """What is wrong with the lines, and the worlds in which all of them may hold."""
    for line in given:
        for fact in line.facts:
            clashes = [clash(world, fact) for world in worlds]
            first = next((one for one in clashes if one is not None), None)
            if first is not None and None not in clashes:
                message = f"{fact.text} can never hold together with {first.text}, so {so}; change one of them"
                return [problem(line.mark(rule, fact), code, message, severity="error" if code == "TB160" else "warning")], []
            worlds = [(*world, fact) for world, one in zip(worlds, clashes, strict=True) if one is None]
    return [], worlds


def _always(rule: Rule, line: Line) -> Iterator[Problem]:
    pair = _covers(alternatives(line.node.value))
    if pair is not None:
        message = f"{pair[0].text} || {pair[1].text} always holds, because no value equals both; write && between them"
        yield problem(line.mark(rule, pair[0]), "TB162", message, suggestion="&&")


def _covers(several: Iterable[Fact]) -> tuple[Fact, Fact] | None:
    """`a != "x" || a != "y"`: to be false, a would have to be both."""
    unequal = [one for one in several if one.sign == "not in" and len(one.values) == 1]
    pairs = ((one, other) for index, one in enumerate(unequal) for other in unequal[index + 1 :])
    return next((pair for pair in pairs if pair[0].path == pair[1].path and pair[0].values != pair[1].values), None)
