"""The ledger: what each policy does after doubt."""

from __future__ import annotations

from typing import Any

import pytest

from automations.effects import InDoubt, key_of, perform
from automations.journal import Effect, Policy, StepResult
from automations.memory import MemoryJournal
from config.errors import LostLease, Permanent, Transient, Uncertain

ALL: tuple[Policy, ...] = ("idempotent", "natural_key", "verify_then_retry", "at_most_once")


def effect(policy: Policy) -> Effect:
    return Effect("k", "step", policy, "http:erp", "POST http:erp/x", "h")


class Calls:
    def __init__(self, *answers: Any):
        self.answers, self.count = list(answers), 0

    def __call__(self) -> Any:
        self.count += 1
        answer = self.answers.pop(0) if self.answers else "done"
        if isinstance(answer, Exception):
            raise answer
        return answer


def commit(journal: MemoryJournal) -> None:
    journal.finish(StepResult("step", "ok"))


@pytest.mark.parametrize("policy", ALL)
def test_an_applied_effect_is_never_made_again(policy: Policy) -> None:
    journal, call = MemoryJournal(), Calls("first")
    perform(journal, effect(policy), call)
    commit(journal)
    assert perform(journal, effect(policy), call) == "first"
    assert call.count == 1


@pytest.mark.parametrize("policy, calls", [("idempotent", 2), ("natural_key", 2), ("verify_then_retry", 2), ("at_most_once", 1)])
def test_an_intent_without_outcome_is_answered_by_the_policy(policy: Policy, calls: int) -> None:
    # Given a process that died between the call and the commit
    journal, call = MemoryJournal(), Calls()
    perform(journal, effect(policy), call)
    journal.crash()
    # When the step is tried again
    if policy == "at_most_once":
        with pytest.raises(InDoubt, match="then settle it"):
            perform(journal, effect(policy), call)
    else:
        perform(journal, effect(policy), call)
    assert call.count == calls


def test_what_a_look_up_finds_is_adopted() -> None:
    journal, call = MemoryJournal(), Calls(Uncertain("cut"))
    with pytest.raises(Uncertain):
        perform(journal, effect("verify_then_retry"), call)
    assert perform(journal, effect("verify_then_retry"), call, lookup=lambda: {"id": 7}) == {"id": 7}
    commit(journal)
    assert call.count == 1
    assert journal.effects["k"].state == "applied"


def test_a_first_attempt_is_not_looked_up() -> None:
    looked = Calls("never")
    perform(MemoryJournal(), effect("verify_then_retry"), Calls(), lookup=looked)
    assert looked.count == 0


@pytest.mark.parametrize("error", [Permanent("no", kind="http_422"), Transient("refused", kind="connection")])
def test_a_call_that_surely_failed_may_be_made_again(error: Exception) -> None:
    journal, call = MemoryJournal(), Calls(error)
    with pytest.raises(type(error)):
        perform(journal, effect("at_most_once"), call)
    commit(journal)
    assert journal.effects["k"].state == "failed"
    assert perform(journal, effect("at_most_once"), call) == "done"


def test_a_bug_behind_the_call_leaves_a_doubt() -> None:
    journal = MemoryJournal()
    with pytest.raises(ZeroDivisionError):
        perform(journal, effect("at_most_once"), Calls(ZeroDivisionError()))
    commit(journal)
    assert journal.effects["k"].state == "uncertain"


@pytest.mark.parametrize("after, state", [(None, "uncertain"), (30.0, "failed")])
def test_a_server_error_may_have_come_after_the_work_unless_it_asks_to_come_back(after: float | None, state: str) -> None:
    journal = MemoryJournal()
    with pytest.raises(Transient):
        perform(journal, effect("at_most_once"), Calls(Transient("oops", kind="http_5xx", retry_after_s=after)))
    commit(journal)
    assert journal.effects["k"].state == state


def test_without_the_lease_nothing_goes_out() -> None:
    journal, call = MemoryJournal(), Calls()
    journal.lease = False
    with pytest.raises(LostLease):
        perform(journal, effect("idempotent"), call)
    assert call.count == 0


def test_the_key_is_of_names_and_event_and_never_of_a_version() -> None:
    assert key_of("rule", "step", "", "http:erp", "e1") == key_of("rule", "step", "", "http:erp", "e1")
    keys = {
        key_of("rule", "step", "", "http:erp", "e1"),
        key_of("rule2", "step", "", "http:erp", "e1"),
        key_of("rule", "step2", "", "http:erp", "e1"),
        key_of("rule", "step", "7", "http:erp", "e1"),
        key_of("rule", "step", "", "http:other", "e1"),
        key_of("rule", "step", "", "http:erp", "e2"),
        key_of("rule", "ste", "p", "http:erp", "e1"),
    }
    assert len(keys) == 7
    assert all(len(key) == 64 for key in keys)


def test_once_is_of_the_target_and_the_value_alone() -> None:
    assert key_of("a", "b", "c", "t", "e", once="co-7") == key_of("x", "y", "z", "t", "f", once="co-7")
    assert key_of("a", "b", "c", "t", "e", once="co-7") != key_of("a", "b", "c", "t", "e", once="co-8")


@pytest.mark.parametrize("policy", ["natural_key", "idempotent"])
def test_a_refusal_after_a_doubt_is_not_taken_for_proof_that_nothing_was_done(policy: Policy) -> None:
    # Given a call whose answer was lost
    journal, call = MemoryJournal(), Calls(Uncertain("the answer was lost"), Permanent("403", kind="http_403"))
    with pytest.raises(Uncertain):
        perform(journal, effect(policy), call)
    commit(journal)
    # When it is made again and refused
    with pytest.raises(Permanent, match="403"):
        perform(journal, effect(policy), call)
    commit(journal)
    # Then the ledger does not say that it failed
    assert journal.effects["k"].state == "uncertain"


@pytest.mark.parametrize("policy", ["natural_key", "idempotent"])
def test_a_server_error_is_tried_again_and_stands_as_unknown_meanwhile(policy: Policy) -> None:
    journal, call = MemoryJournal(), Calls(Transient("500", kind="http_5xx"), "done")
    with pytest.raises(Transient):
        perform(journal, effect(policy), call)
    commit(journal)
    stood = journal.effects["k"].state
    assert perform(journal, effect(policy), call) == "done"
    commit(journal)
    assert (stood, journal.effects["k"].state) == ("uncertain", "applied")
