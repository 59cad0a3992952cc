"""foreach, on_error and finally: what is kept for each item, and what follows a failure."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from automations.engine import run
from automations.memory import MemoryJournal
from automations.tools import Reply
from config.errors import Transient
from tests.automations.given import Far, automation, scope

POST = 'use: http.call\n    with: {to: "http:erp", method: PUT, path: "/lines/${item.id}", json: "${item}"}\n'


def rule_of(head: str, tail: str = "") -> Any:
    lines = "vars: {lines: [{id: a, n: 1}, {id: b, n: 2}, {id: c, n: 0}]}\n"
    return automation(f"do:\n  - id: post\n    {head}\n    {POST}{tail}", head=lines)


def paths(far: Far) -> list[str]:
    return [one["path"] for one in far.asked]


def test_each_item_is_one_action_kept_by_its_id() -> None:
    journal, far = MemoryJournal(), Far()
    fine = 'size(steps.post.filter(s, s.status == \\"ok\\"))'
    tail = f'  - id: count\n    use: set\n    with: {{n: "${{{fine}}}", last: "${{steps.post[2].item.id}}"}}\n'
    assert run(rule_of("foreach: vars.lines", tail), scope(), journal, far).state == "ok"
    assert paths(far) == ["/lines/a", "/lines/b", "/lines/c"]
    assert [one.path for one in journal.history] == ["post[a]", "post[b]", "post[c]", "post", "count"]
    assert journal.results["count"].output == {"n": 3, "last": "c"}


def test_a_filtered_list_keeps_its_kinds_and_a_misspelt_name_in_an_item_is_an_error() -> None:
    from config.problems import Problems

    assert run(rule_of("foreach: vars.lines.filter(l, l.n != 0)"), scope(), MemoryJournal(), Far()).state == "ok"
    with pytest.raises(Problems, match=r'no field "item\.idd"; did you mean "item\.id"'):
        automation(
            'do:\n  - foreach: vars.lines\n    use: set\n    with: {x: "${item.idd}"}\n', head="vars: {lines: [{id: a, n: 1}]}\n"
        )


def test_what_is_no_list_is_refused_at_load() -> None:
    from config.problems import Problems

    with pytest.raises(Problems, match="foreach: needs a list"):
        rule_of("foreach: record.title")


def test_the_next_attempt_does_only_what_is_left() -> None:
    # Given a far end that is away for the second item
    journal, far = MemoryJournal(), Far(answers=[Reply(200), Transient("away", kind="timeout"), Reply(200)])
    rule = rule_of("foreach: vars.lines")
    first = run(rule, scope(), journal, far)
    # Then the others are done, and the run waits for it
    assert first.state == "waiting"
    assert "post[b] is tried again" in str(first.reason)
    # When it comes back
    assert run(rule, scope(), journal, far).state == "ok"
    assert paths(far) == ["/lines/a", "/lines/b", "/lines/c", "/lines/b"]


def test_after_a_failure_that_stops_no_other_item_is_begun() -> None:
    journal, far = MemoryJournal(), Far(answers=[Reply(200), Reply(400, text="no")])
    ended = run(rule_of("foreach: vars.lines"), scope(), journal, far)
    assert (ended.state, (ended.error or {})["step"]) == ("failed", "post[b]")
    assert paths(far) == ["/lines/a", "/lines/b"]


def test_with_continue_every_item_is_tried_and_the_list_says_how_each_ended() -> None:
    journal, far = MemoryJournal(), Far(answers=[Reply(200), Reply(400, text="no"), Reply(200)])
    tail = '  - id: told\n    if: steps.post.exists(s, s.status == "failed")\n'
    tail += '    use: set\n    with: {why: "${steps.post[1].error.message}"}\n'
    assert run(rule_of("foreach: vars.lines\n    on_error: continue", tail), scope(), journal, far).state == "ok"
    assert len(far.asked) == 3
    assert "answered 400" in journal.results["told"].output["why"]


def test_conditions_that_name_the_item_are_asked_of_each() -> None:
    journal, far = MemoryJournal(), Far()
    assert run(rule_of("foreach: vars.lines\n    if: item.n > 1"), scope(), journal, far).state == "ok"
    assert paths(far) == ["/lines/b"]


def test_parallel_items_go_at_once_and_each_is_kept_once() -> None:
    journal, far = MemoryJournal(), Far()
    meeting = threading.Barrier(3, timeout=10)
    far.before = lambda: meeting.wait() and None  # type: ignore[assignment,func-returns-value]
    assert run(rule_of("foreach: vars.lines\n    parallel: 3"), scope(), journal, far).state == "ok"
    assert sorted(one.path for one in journal.history) == ["post", "post[a]", "post[b]", "post[c]"]


def test_the_same_item_twice_is_two_items() -> None:
    journal, far = MemoryJournal(), Far()
    rule = automation('do:\n  - foreach: [x, x]\n    use: http.call\n    with: {to: "http:erp", method: PUT, path: "/a"}\n')
    assert run(rule, scope(), journal, far).state == "ok"
    assert len(far.asked) == 2
    assert len({one.path for one in journal.history}) == 3


UNDO = """
on_error:
  - id: undo
    if: steps.post.status == "failed"
    use: http.call
    with: {to: "http:erp", method: DELETE, path: "/undo"}
  - id: told
    use: set
    with: {why: "${error.step}: ${error.kind}"}
finally:
  - id: always
    use: set
    with: {status: "${run.status}"}
"""
ONE = 'do:\n  - id: post\n    use: http.call\n    with: {to: "http:erp", method: PUT, path: "/a"}\n'


def test_a_failure_is_followed_by_on_error_then_by_finally_and_stays_a_failure() -> None:
    journal, far = MemoryJournal(), Far(answers=[Reply(400, text="no")])
    ended = run(automation(ONE + UNDO), scope(), journal, far)
    assert (ended.state, (ended.error or {})["kind"]) == ("failed", "http_400")
    assert paths(far) == ["/a", "/undo"]
    assert journal.results["told"].output == {"why": "post: http_400"}
    assert journal.results["always"].output == {"status": "failed"}


def test_without_a_failure_only_finally_follows() -> None:
    journal, far = MemoryJournal(), Far()
    assert run(automation(ONE + UNDO), scope(), journal, far).state == "ok"
    assert journal.results["always"].output == {"status": "ok"}
    assert "undo" not in journal.results


def test_an_attempt_that_goes_on_in_on_error_does_not_begin_with_the_steps_again() -> None:
    # Given a failure whose undoing has to be tried again
    journal, far = MemoryJournal(), Far(answers=[Reply(400, text="no"), Transient("away", kind="timeout")])
    rule = automation(ONE + UNDO)
    assert run(rule, scope(), journal, far).state == "waiting"
    # When it is
    ended = run(rule, replace(scope(), attempt=2), journal, far)
    # Then the failed step was tried once
    assert ended.state == "failed"
    assert paths(far) == ["/a", "/undo", "/undo"]


def test_a_run_that_is_to_end_begins_no_further_step() -> None:
    journal = MemoryJournal(cancel=True)
    assert run(automation(ONE), scope(), journal, Far()).state == "cancelled"
    assert journal.history == []
