"""Every state that claim, lease, fence and effect can reach: what is promised holds in all of them."""

from __future__ import annotations

import pytest

from tests.crash.model import Found, Rules, explore


def told(found: Found) -> str:
    assert found.wrong is not None
    what, state = found.wrong
    return f"{what}: {'; '.join(found.story(state))}"


@pytest.mark.parametrize("policy", ["natural_key", "at_most_once"])
def test_whatever_dies_freezes_or_is_forgotten_the_effect_is_applied_once_and_the_run_ends(policy: str) -> None:
    found = explore(Rules(policy))
    assert found.wrong is None, told(found)
    assert len(found.came) > 1000  # else the machine explored nothing


def test_a_look_at_the_far_end_before_a_second_call_is_enough_while_nobody_is_frozen_in_front_of_the_call() -> None:
    found = explore(Rules("verify_then_retry", freezes_before_a_call=False))
    assert found.wrong is None, told(found)


def test_a_worker_frozen_past_its_lease_right_before_its_call_is_the_gap_that_a_look_up_leaves() -> None:
    # Known, and the reason for keys at the far end: no look-up can see a call that a frozen worker has yet to make.
    found = explore(Rules("verify_then_retry"))
    assert told(found).startswith("applied twice")
    assert "is frozen past its lease" in told(found)


@pytest.mark.parametrize(
    ("rules", "what"),
    [
        (Rules("natural_key", relay=False), "it is never finished"),
        (Rules("natural_key", remembers_doubt=False), "the ledger says failed, and it was applied"),
        (Rules("verify_then_retry", freezes_before_a_call=False, fenced=False), "the ledger says failed, and it was applied"),
        (Rules("at_most_once", asks_before_calling=False), "applied twice"),
        (Rules("verify_then_retry", freezes_before_a_call=False, asks_before_calling=False), "applied twice"),
    ],
)
def test_the_search_finds_what_is_wrong_without(rules: Rules, what: str) -> None:
    assert told(explore(rules)).startswith(what)
