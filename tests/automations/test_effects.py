"""The ledger: what each policy does after doubt."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

import pytest

from automations.effects import InDoubt, hash_of, key_of, may_have_applied, perform, refuse_hidden, summary
from automations.journal import Effect, KeptEffect, Policy, StepResult
from automations.memory import MemoryJournal
from config.errors import LostLease, Permanent, Transient, Uncertain
from config.hiding import HIDDEN

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
        commit(journal)
        assert journal.effects["k"].state == "uncertain"
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


@dataclass
class Shared(MemoryJournal):
    """A journal in which another run is just about the same effects."""

    def intend(self, effect: Effect) -> KeptEffect:
        return replace(super().intend(effect), fresh=False, elsewhere=True)


def test_what_another_run_is_just_doing_is_waited_for_when_it_must_not_be_made_twice() -> None:
    call = Calls()
    with pytest.raises(Transient, match="POST http:erp/x: another run is just doing it") as caught:
        perform(Shared(), effect("at_most_once"), call)
    assert call.count == 0
    assert (caught.value.kind, caught.value.retry_after_s) == ("busy", 2.0)


@pytest.mark.parametrize("policy", ["idempotent", "natural_key", "verify_then_retry"])
def test_what_another_run_is_just_doing_is_made_as_well_when_that_does_no_harm(policy: Policy) -> None:
    call = Calls()
    assert perform(Shared(), effect(policy), call) == "done"
    assert call.count == 1


def test_what_is_in_doubt_for_good_says_where_to_look_and_is_kept_with_what_was_known() -> None:
    journal, call = MemoryJournal(), Calls(Uncertain("cut"))
    with pytest.raises(Uncertain):
        perform(journal, effect("at_most_once"), call)
    commit(journal)
    journal.effects["k"].response = {"status": 504}
    with pytest.raises(InDoubt, match="Look at http:erp, then settle it") as caught:
        perform(journal, effect("at_most_once"), call)
    commit(journal)
    assert caught.value.kind == "uncertain"
    assert (journal.effects["k"].state, journal.effects["k"].response) == ("uncertain", {"status": 504})
    assert call.count == 1


@pytest.mark.parametrize("policy", ALL)
def test_a_lease_that_is_lost_in_the_call_settles_nothing(policy: Policy) -> None:
    journal = MemoryJournal()
    with pytest.raises(LostLease):
        perform(journal, effect(policy), Calls(LostLease("gone")))
    commit(journal)
    assert journal.effects["k"].state == "intent"


@pytest.mark.parametrize("error", [Uncertain("cut"), ZeroDivisionError("a bug")])
def test_what_broke_off_is_uncertain_without_an_answer(error: Exception) -> None:
    journal = MemoryJournal()
    with pytest.raises(type(error)):
        perform(journal, effect("natural_key"), Calls(error))
    commit(journal)
    assert (journal.effects["k"].state, journal.effects["k"].response) == ("uncertain", None)


def test_what_failed_is_kept_with_its_words() -> None:
    journal = MemoryJournal()
    with pytest.raises(Permanent):
        perform(journal, effect("natural_key"), Calls(Permanent("no such vendor", kind="http_422")))
    commit(journal)
    assert (journal.effects["k"].state, journal.effects["k"].response) == ("failed", {"error": "no such vendor"})


def test_a_call_after_one_that_surely_failed_is_as_a_first_one() -> None:
    journal, call = MemoryJournal(), Calls(Permanent("no", kind="http_422"))
    with pytest.raises(Permanent):
        perform(journal, effect("verify_then_retry"), call)
    commit(journal)
    looked = Calls("never")
    assert perform(journal, effect("verify_then_retry"), call, lookup=looked) == "done"
    assert looked.count == 0


def test_a_look_up_that_finds_nothing_proves_that_nothing_was_done() -> None:
    # Given a call whose answer was lost, and a look at the far end that finds nothing
    journal, call = MemoryJournal(), Calls(Uncertain("cut"), Permanent("no", kind="http_422"))
    with pytest.raises(Uncertain):
        perform(journal, effect("verify_then_retry"), call)
    commit(journal)
    # When it is made again and refused
    with pytest.raises(Permanent):
        perform(journal, effect("verify_then_retry"), call, lookup=lambda: None)
    commit(journal)
    # Then it failed
    assert call.count == 2
    assert journal.effects["k"].state == "failed"


def test_only_an_effect_that_wants_to_be_looked_up_is() -> None:
    journal, call, looked = MemoryJournal(), Calls(Uncertain("cut")), Calls("found")
    with pytest.raises(Uncertain):
        perform(journal, effect("natural_key"), call)
    commit(journal)
    assert perform(journal, effect("natural_key"), call, lookup=looked) == "done"
    assert looked.count == 0


@pytest.mark.parametrize("kind", ["http_5xx", "http_504", "timeout"])
@pytest.mark.parametrize("policy", ["at_most_once", "verify_then_retry"])
def test_an_error_that_may_have_come_after_the_work_is_a_doubt_that_keeps_its_kind(policy: Policy, kind: str) -> None:
    error = Transient("it took too long", kind=kind)
    with pytest.raises(Uncertain, match="it took too long") as caught:
        perform(MemoryJournal(), effect(policy), Calls(error))
    assert caught.value.kind == kind
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "policy, doubted", [("idempotent", 0), ("natural_key", 0), ("verify_then_retry", 1), ("at_most_once", 1)]
)
def test_only_what_must_not_simply_be_made_again_is_doubted(policy: Policy, doubted: bool) -> None:
    assert may_have_applied(policy, Transient("500", kind="http_5xx")) is bool(doubted)
    assert not may_have_applied(policy, Permanent("422", kind="http_422"))
    assert not may_have_applied(policy, Transient("503", kind="http_5xx", retry_after_s=5.0))


def test_a_lease_that_passed_on_before_the_call_keeps_it_from_going_out() -> None:
    class Late(MemoryJournal):
        def intend(self, effect: Effect) -> KeptEffect:
            kept = super().intend(effect)
            self.lease = False
            return kept

    call = Calls()
    with pytest.raises(LostLease):
        perform(Late(), effect("idempotent"), call)
    assert call.count == 0


def test_a_hidden_value_does_not_go_out_in_the_place_of_the_secret() -> None:
    refuse_hidden("steps[1].with.body", {"token": "in the clear"})
    with pytest.raises(Permanent, match=r"^steps\[1\]\.with\.body: a value from an earlier step is a secret") as caught:
        refuse_hidden("steps[1].with.body", {"token": HIDDEN})
    assert caught.value.kind == "hidden"


def test_a_request_is_the_same_in_any_order_of_its_fields_and_with_moments_in_it() -> None:
    moment = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    assert hash_of({"a": 1, "b": moment}) == hash_of({"b": moment, "a": 1})
    assert hash_of({"a": 1, "b": moment}) != hash_of({"a": 2, "b": moment})
    assert len(hash_of("x")) == 64


def test_a_key_is_the_same_in_every_version_of_the_program() -> None:
    # What was written down before an upgrade must be found after it.
    assert key_of("rule", "step", "", "http:erp", "é1") == ("cd57fb11baef037ec8ad18bd035932fbc66a27279e413bae6d3a09fc1b9a2324")
    assert key_of("rule", "step", "", "http:erp", "e1", once="co-7") == (
        "4b65ca0b914e4820d31a6b91e7ca8c6a1b94538dd4dd27ac83915e0689042f6a"
    )


def test_a_dry_run_says_what_it_would_have_done() -> None:
    assert summary("send", "a mail to ana") == {"dry": True, "would": "send: a mail to ana"}
    assert summary("post", "http:erp", {"x": 1}) == {"dry": True, "would": "post: http:erp", "request": {"x": 1}}
