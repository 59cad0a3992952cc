"""`tests:` that name what the automation does not have: such a test would fail, or pass, for no reason."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from automations import actions
from automations.checks import Rule
from automations.timing import PROJECT_ZONE, zone_of
from automations.written_tests import Happens, Test, kinds
from config.problems import Problem, did_you_mean, nearest, problem
from config.yamlfile import Node

Path = tuple[str | int, ...]


def check(rule: Rule) -> Iterator[Problem]:
    for number, test in enumerate(rule.automation.tests):
        yield from _given(rule, test, ("tests", number, "given"))
        yield from _expected(rule, test, ("tests", number, "expect"))


def _given(rule: Rule, test: Test, at: Path) -> Iterator[Problem]:
    yield from _zone(rule.at((*at, "timezone")), test.given.timezone)
    steps = {step.id for step in rule.automation.all_steps}
    moments: list[tuple[Path, Happens]] = [(at, test.given)]
    moments += [((*at, "then", number), one) for number, one in enumerate(test.given.then)]
    for here, moment in moments:
        happening = kinds(moment)
        if len(happening) > 1:
            second = rule.at(here).key_mark([happening[1]])
            yield problem(second, "TB190", "one thing happens at a time; put the second one below then:", suggestion="then:")
        if here == at and not happening and not test.given.events and not test.given.then:
            yield problem(rule.at(here).mark, "TB190", f"nothing happens; give one of {', '.join(_kinds(rule))}")
        for kind in happening:
            yield from _kind(rule, kind, (*here, kind))
        yield from _names(rule.at((*here, "answers")), moment.answers, steps, "step")


def _zone(node: Node, name: str) -> Iterator[Problem]:
    try:
        known = zone_of(name) != PROJECT_ZONE
    except ValueError:
        known = False
    if not known:
        yield problem(node.mark, "TB113", f'"{name}" is no time zone; write one such as America/Chicago or UTC')


def _kind(rule: Rule, kind: str, at: Path) -> Iterator[Problem]:
    """What a test lets happen must be something that a trigger can hear of."""
    triggers = [one for one in rule.automation.triggers if one.kind == kind]
    if not triggers and kind in ("schedule", "sweep", "manual"):
        seen = rule.at(at[:-1]).key_mark([kind])
        yield problem(seen, "TB190", f"the automation has no {kind} trigger; it has {', '.join(_kinds(rule))}")
    node = rule.at((*at, "trigger"))
    named = node.value if isinstance(node.value, str) else None
    if triggers and named is not None and named not in [one.id for one in triggers]:
        yield _unknown(node, named, [one.id for one in triggers], f"{kind} trigger")


def _expected(rule: Rule, test: Test, at: Path) -> Iterator[Problem]:
    expect = test.expect
    triggers = [one.id for one in rule.automation.triggers]
    if expect.trigger is not None and expect.trigger not in triggers:
        yield _unknown(rule.at((*at, "trigger")), expect.trigger, triggers, "trigger")
    yield from _names(rule.at((*at, "steps")), expect.steps, {step.id for step in rule.automation.all_steps}, "step")
    yield from _names(rule.at((*at, "calls")), expect.calls, actions.known_words(), "action")
    if not expect.model_fields_set:
        yield problem(rule.at(at).mark, "TB190", "nothing is expected, so this cannot fail; write fired: true or the like")


def _names(node: Node, given: Mapping[str, Any], known: Collection[str], what: str) -> Iterator[Problem]:
    for name in given:
        if name not in known:
            mark = node.key_mark([name])
            yield problem(mark, "TB191", _no(name, known, what), suggestion=nearest(name, known))


def _unknown(node: Node, name: str, known: Collection[str], what: str) -> Problem:
    return problem(node.mark, "TB191", _no(name, known, what), suggestion=nearest(name, known))


def _no(name: str, known: Collection[str], what: str) -> str:
    there = f"; there {'are' if len(known) > 1 else 'is'} {', '.join(sorted(known))}" if 0 < len(known) < 20 else ""
    return f'there is no {what} "{name}"{did_you_mean(name, known) or there}'


def _kinds(rule: Rule) -> list[str]:
    return list(dict.fromkeys(one.kind for one in rule.automation.triggers))
