"""Two texts of an automation, compared in the words of a rule."""

from __future__ import annotations

import pytest

from automations.differing import differences

RULE = """\
format: 1
id: watch
stage: live
when:
  - id: moved
    webhook: {connector: acme, resource: RFIs, actions: [update]}
if:
  - record.private == false
do:
  - {id: a, use: set, with: {n: 1}}
  - {id: b, use: set, with: {n: 2}}
"""


@pytest.mark.parametrize(
    "was, becomes, said",
    [
        ("actions: [update]", "actions: [update, delete]", "trigger moved: webhook is "),
        ("id: moved", "id: changed", "trigger moved is gone"),
        ("record.private == false", '"!record.private"', "condition is gone: record.private == false"),
        ("with: {n: 2}", "with: {n: 3}", 'step b: with is {"n": 3}, and was {"n": 2}'),
        ("id: b", "id: c", "step b is gone"),
        ("stage: live", "stage: shadow", "stage is shadow, and was live"),
        ("connector: acme,", "connector: other,", "connectors are other, and were acme"),
        ("stage: live", "stage: live\nflow: {throttle: {rate: 1/1h}}", 'flow is new: {"throttle": {"rate": "1/1h"}}'),
    ],
)  # fmt: skip
def test_what_changed_is_said_in_a_sentence(was: str, becomes: str, said: str) -> None:
    found = differences(RULE, RULE.replace(was, becomes))
    assert any(line.startswith(said) for line in found), found


def test_comments_spaces_and_the_order_of_keys_are_no_difference() -> None:
    other = RULE.replace("stage: live\n", "").replace("id: watch", "stage: live # loud\nid:   watch")
    assert differences(RULE, other) == []


def test_steps_in_another_order_are_said_once() -> None:
    a, b = "  - {id: a, use: set, with: {n: 1}}\n", "  - {id: b, use: set, with: {n: 2}}\n"
    assert differences(RULE, RULE.replace(a + b, b + a)) == ["do: the order of steps is b, a, and was a, b"]
