"""The engine: guards, steps in order, and what is left for the next attempt."""

from __future__ import annotations

import logging

import pytest

from automations.engine import run
from automations.journal import Effect, KeptEffect, StepResult
from automations.memory import MemoryJournal
from automations.tools import Reply
from config.errors import LostLease, Permanent, Transient, Uncertain
from tests.automations.given import Far, automation, event, rfi, scope

UPDATE = "webhook: {connector: acme-prod, resource: RFIs, actions: [update]}"
PUT = 'use: http.call, with: {to: "http:erp", method: PUT, path: /x}'
POST = 'use: http.call, with: {to: "http:erp", path: /x, json: {n: 1}}'


def states(journal: MemoryJournal) -> dict[str, str]:
    return {path: result.state for path, result in journal.results.items()}


def test_steps_run_in_order_and_see_the_outputs_before_them() -> None:
    rule = automation(
        'do:\n  - {id: a, use: set, with: {n: "${record.number}"}}\n'
        '  - {id: b, use: set, with: {text: "no ${steps.a.output.n}"}}\n'
    )
    journal = MemoryJournal()
    outcome = run(rule, scope(), journal, Far())
    assert outcome.state == "ok"
    assert outcome.trigger == "webhook"
    assert journal.results["b"].output == {"text": "no 12"}
    assert [r.path for r in journal.history] == ["a", "b"]


def test_the_first_false_line_skips_the_run_with_the_values_it_saw() -> None:
    rule = automation('if:\n  - record.status == "closed"\n  - record.private\ndo:\n  - {id: a, use: set, with: {n: 1}}\n')
    outcome = run(rule, scope(), MemoryJournal(), Far())
    assert (outcome.state, outcome.reason) == ("skipped", 'if[0] is false: record.status = "open"')
    assert [(line.index, line.held) for line in outcome.lines] == [(0, False)]


def test_a_line_that_cannot_be_evaluated_fails_the_run() -> None:
    rule = automation("if:\n  - record.due_date < run.now\ndo:\n  - {id: a, use: set, with: {n: 1}}\n")
    outcome = run(rule, scope(record=rfi(due_date=None)), MemoryJournal(), Far())
    assert outcome.state == "failed"
    assert outcome.error is not None
    assert outcome.error["kind"] == "expression"
    assert "if[0]" in outcome.error["message"]


def test_a_step_whose_if_is_false_is_skipped_and_says_so_to_later_steps() -> None:
    rule = automation(
        'do:\n  - {id: a, if: event.action == "delete", use: set, with: {n: 1}}\n'
        "  - {id: b, use: set, with: {was: '${steps.a.status}'}}\n"
    )
    journal = MemoryJournal()
    assert run(rule, scope(), journal, Far()).state == "ok"
    assert journal.results["a"].inputs == {"if": 'if[0] is false: event.action = "update"'}
    assert journal.results["b"].output == {"was": "skipped"}


def test_a_resumed_run_does_not_repeat_what_is_done() -> None:
    # Given a run whose second step had to wait
    rule = automation(f'do:\n  - {{id: a, use: set, with: {{n: "${{run.attempt}}"}}}}\n  - {{id: b, {PUT}}}\n')
    journal, far = MemoryJournal(), Far([Transient("busy", kind="http_5xx")])
    assert run(rule, scope(), journal, far).state == "waiting"
    # When it is run again
    outcome = run(rule, scope(attempt=2), journal, far)
    # Then the first step kept its output of the first attempt
    assert outcome.state == "ok"
    assert journal.results["a"].output == {"n": 1}
    assert [r.path for r in journal.history] == ["a", "b", "b"]


def test_guards_are_not_asked_again_once_a_run_has_begun() -> None:
    rule = automation(f"if: run.attempt == 1\ndo:\n  - {{id: a, {PUT}}}\n")
    journal, far = MemoryJournal(), Far([Transient("busy")])
    assert run(rule, scope(), journal, far).state == "waiting"
    assert run(rule, scope(attempt=2), journal, far).state == "ok"


def test_retries_wait_longer_each_time_and_end() -> None:
    rule = automation(f"retry: {{attempts: 3, first: 10s, max: 15s}}\ndo:\n  - {{id: a, {PUT}}}\n")
    journal, far = MemoryJournal(), Far([Transient("busy")] * 3)
    outcomes = [run(rule, scope(attempt=n), journal, far) for n in (1, 2, 3)]
    assert [o.wait_s for o in outcomes] == [10.0, 15.0, None]
    assert outcomes[2].state == "failed"
    assert "given up after 3 attempts" in journal.results["a"].error["message"]  # type: ignore[index]


def test_the_step_decides_over_the_rule_and_the_far_end_over_both() -> None:
    rule = automation(f"retry: {{first: 10s}}\ndo:\n  - {{id: a, retry: {{backoff: fixed, first: 2s}}, {PUT}}}\n")
    assert run(rule, scope(), MemoryJournal(), Far([Transient("busy")])).wait_s == 2.0
    assert run(rule, scope(), MemoryJournal(), Far([Transient("busy", retry_after_s=77)])).wait_s == 77.0


@pytest.mark.parametrize("kind, waits", [("http_503", True), ("http_5xx", True), ("timeout", False)])
def test_only_the_named_kinds_are_retried(kind: str, waits: bool) -> None:
    rule = automation(f"do:\n  - {{id: a, retry: {{only: [http_5xx]}}, {PUT}}}\n")
    outcome = run(rule, scope(), MemoryJournal(), Far([Transient("busy", kind=kind)]))
    assert outcome.state == ("waiting" if waits else "failed")


def test_a_permanent_error_fails_at_once_and_an_operator_can_run_it_again() -> None:
    rule = automation(f"do:\n  - {{id: a, {PUT}}}\n")
    journal, far = MemoryJournal(), Far([Reply(422, text="no such order")])
    outcome = run(rule, scope(), journal, far)
    assert outcome.error == {"step": "a", "kind": "http_422", "message": "PUT http:erp/x answered 422: no such order"}
    assert run(rule, scope(), journal, far).state == "ok"


def test_on_error_continue_goes_on_and_later_steps_see_why() -> None:
    rule = automation(
        f"do:\n  - {{id: a, on_error: continue, {PUT}}}\n"
        "  - {id: b, use: set, with: {was: '${steps.a.status}', why: '${steps.a.error.kind}'}}\n"
    )
    journal = MemoryJournal()
    assert run(rule, scope(), journal, Far([Reply(404)])).state == "ok"
    assert journal.results["b"].output == {"was": "failed", "why": "http_404"}


def test_an_uncertain_at_most_once_call_parks_the_run_until_it_is_settled() -> None:
    # Given a POST without a key whose answer never came
    rule = automation(f"do:\n  - {{id: a, {POST}}}\n  - {{id: b, use: set, with: {{n: 1}}}}\n")
    journal, far = MemoryJournal(), Far([Uncertain("cut", kind="timeout")])
    outcome = run(rule, scope(), journal, far)
    assert outcome.state == "parked"
    assert outcome.reason is not None
    assert "nobody can tell" in outcome.reason
    assert states(journal) == {"a": "uncertain"}
    # When it is run again as it is, nothing is sent
    assert run(rule, scope(), journal, far).state == "parked"
    assert len(far.asked) == 1
    # And when a person settled it as applied, the run goes on behind it
    next(iter(journal.effects.values())).state = "applied"
    assert run(rule, scope(), journal, far).state == "ok"
    assert len(far.asked) == 1


def test_an_uncertain_call_with_a_key_is_repeated_with_the_same_key() -> None:
    rule = automation('do:\n  - {id: a, use: http.call, with: {to: "http:erp", path: /x, idempotency_key: "k-${record.id}"}}\n')
    journal, far = MemoryJournal(), Far([Uncertain("cut")])
    assert run(rule, scope(), journal, far).state == "waiting"
    assert run(rule, scope(), journal, far).state == "ok"
    assert [a["idempotency_key"] for a in far.asked] == ["k-22564874"] * 2


def test_a_crash_between_call_and_finish_sends_no_second_post() -> None:
    # Given a process that died after the far end had answered
    rule = automation(f"do:\n  - {{id: a, {POST}}}\n")
    journal, far = MemoryJournal(), Far()
    journal.finish = lambda result: (_ for _ in ()).throw(LostLease("gone"))  # type: ignore[method-assign]
    with pytest.raises(LostLease):
        run(rule, scope(), journal, far)
    journal.crash()
    del journal.finish
    # When the run is tried again
    outcome = run(rule, scope(), journal, far)
    # Then the call is not repeated, and a person is asked
    assert outcome.state == "parked"
    assert len(far.asked) == 1


def test_a_lost_lease_ends_everything_silently() -> None:
    rule = automation(f"do:\n  - {{id: a, {PUT}}}\n")
    journal = MemoryJournal()
    far = Far(before=lambda: setattr(journal, "lease", False))
    with pytest.raises(LostLease):
        run(rule, scope(), journal, far)
    assert states(journal) == {}


def test_trouble_of_our_own_database_in_the_middle_of_a_step_is_no_bug_of_the_action() -> None:
    # Given a database that breaks off while an effect is written down
    class Busy(MemoryJournal):
        def intend(self, effect: Effect) -> KeptEffect:
            raise ConnectionError("the database is restarting")

    journal = Busy(trouble=ConnectionError)
    # When a step needs it
    outcome = run(automation(f"do:\n  - {{id: a, {PUT}}}\n"), scope(), journal, Far())
    # Then the step is tried again
    assert (outcome.state, journal.results["a"].state) == ("waiting", "waiting")
    assert outcome.error is not None
    assert outcome.error["kind"] == "store"


def test_a_bug_in_an_action_is_a_permanent_error_and_its_traceback_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    rule = automation(f"do:\n  - {{id: a, {PUT}}}\n")
    with caplog.at_level(logging.ERROR, "tieback.engine"):
        outcome = run(rule, scope(), MemoryJournal(), Far([ZeroDivisionError("oops")]))
    assert outcome.error is not None
    assert outcome.error["kind"] == "bug"
    assert "oops" not in outcome.error["message"]
    assert "ZeroDivisionError" in caplog.text


def test_a_missing_connector_parks_the_run_and_no_other_is_taken() -> None:
    rule = automation('do:\n  - {id: a, use: procore.get, with: {resource: Projects, id: "1"}}\n')
    outcome = run(rule, scope(event=event(connector="gone")), MemoryJournal(), Far())
    assert outcome.state == "skipped"  # an event of another connector does not even concern it
    outcome = run(rule, scope(event=event(connector="gone"), trigger="by_hand"), MemoryJournal(), Far())
    assert outcome.state == "parked"
    assert outcome.reason == 'a: there is no connector "gone"'


def test_the_timeout_is_checked_between_steps() -> None:
    ticks = iter(range(0, 10_000, 60))
    rule = automation(
        "do:\n  - {id: a, use: set, with: {n: 1}}\n  - {id: b, use: set, with: {n: 1}}\n", head="limits: {timeout: 2m}\n"
    )
    outcome = run(rule, scope(), MemoryJournal(), Far(), clock=lambda: next(ticks))
    assert outcome.error is not None
    assert outcome.error["kind"] == "timeout"
    assert "limits: timeout: is 2m" in outcome.error["message"]


def test_calls_to_procore_are_limited_per_attempt() -> None:
    get = 'use: procore.get, with: {resource: Projects, id: "1"}'
    rule = automation(f"do:\n  - {{id: a, {get}}}\n  - {{id: b, {get}}}\n", head="limits: {api_calls: 1}\n")
    far = Far(records={("Projects", "1"): {"id": 1}})
    outcome = run(rule, scope(), MemoryJournal(), far)
    assert outcome.error is not None
    assert (outcome.error["step"], outcome.error["kind"]) == ("b", "api_calls")
    assert len(far.asked) == 1


def test_an_output_that_is_too_large_fails_the_step() -> None:
    rule = automation('do:\n  - {id: a, use: http.call, with: {to: "http:erp", method: GET, path: /x}}\n')
    outcome = run(rule, scope(), MemoryJournal(), Far([Reply(200, text="x" * 300_000)]))
    assert outcome.error is not None
    assert outcome.error["kind"] == "output"


def test_shadow_says_what_it_would_do_and_does_nothing() -> None:
    rule = automation(
        f"do:\n  - {{id: a, {POST}}}\n  - {{id: b, use: set, with: {{n: '${{steps.a.output.json.id}}'}}}}\n"
        "  - {id: c, use: db.upsert, with: {table: rfis, row: '${record}'}}\n"
    )
    journal, far = MemoryJournal(dry=True), Far()
    assert run(rule, scope(), journal, far).state == "ok"
    assert (far.asked, journal.rows, journal.effects) == ([], [], {})
    assert journal.results["a"].output["would"] == "http.call: POST http:erp/x"
    assert states(journal) == {"a": "ok", "b": "skipped", "c": "ok"}


def test_the_transition_decides_which_trigger_fires() -> None:
    when = (
        f"id: closed\n    {UPDATE}\n    field: status\n    to: [closed]\n"
        f"  - id: opened\n    {UPDATE}\n    field: status\n    from: [draft]"
    )
    rule = automation("do:\n  - {id: a, use: set, with: {t: '${run.trigger}'}}\n", when=when)
    journal = MemoryJournal()
    assert run(rule, scope(trigger="closed"), journal, Far()).trigger == "opened"
    assert journal.results["a"].output == {"t": "opened"}
    outcome = run(rule, scope(previous=rfi()), MemoryJournal(), Far())
    assert (outcome.state, outcome.reason) == ("skipped", 'trigger closed: status did not change ("open")')


def test_a_run_by_hand_asks_for_no_transition() -> None:
    when = f"{UPDATE}\n    field: status\n  - manual: {{connector: acme-prod, resource: RFIs}}"
    rule = automation("do:\n  - {id: a, use: set, with: {t: '${run.trigger}'}}\n", when=when)
    outcome = run(rule, scope(event=event(source="manual"), previous=None, trigger="manual"), MemoryJournal(), Far())
    assert (outcome.state, outcome.trigger) == ("ok", "manual")


def test_a_wait_does_not_count_as_an_attempt() -> None:
    rule = automation(f"do:\n  - {{id: a, {PUT}}}\n")
    journal = MemoryJournal(results={"a": StepResult("a", "waiting", 1, {"until": "2026-03-20T12:00:00Z"})})
    run(rule, scope(), journal, Far())
    assert journal.results["a"].attempt == 1


def test_parameters_that_turn_out_wrong_are_a_sentence() -> None:
    rule = automation("do:\n  - {id: a, use: http.call, with: {to: \"http:erp\", method: GET, path: '/${record.title}'}}\n")
    outcome = run(rule, scope(record=rfi(title="../admin")), MemoryJournal(), Far())
    assert outcome.error is not None
    assert outcome.error["kind"] == "parameters"
    assert "leads out of the destination" in outcome.error["message"]


def test_dates_in_outputs_are_text_at_once_as_after_a_restart() -> None:
    rule = automation(
        "do:\n  - {id: a, use: set, with: {at: '${record.updated_at}', on: '${record.due_date}'}}\n"
        "  - {id: b, if: timestamp(steps.a.output.at) < run.now, use: set, with: {n: 1}}\n"
    )
    journal = MemoryJournal()
    run(rule, scope(), journal, Far())
    assert journal.results["a"].output == {"at": "2026-03-06T18:25:41Z", "on": "2026-03-13"}
    assert states(journal)["b"] == "ok"


def test_a_refused_destination_is_no_surprise() -> None:
    rule = automation(f"do:\n  - {{id: a, {PUT}}}\n")
    outcome = run(rule, scope(), MemoryJournal(), Far([Permanent("no such destination", kind="no_destination")]))
    assert outcome.state == "failed"
