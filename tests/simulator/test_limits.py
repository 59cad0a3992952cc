from __future__ import annotations

import pytest

from tests.simulator.conftest import Caller

ME = "/rest/v1.0/me"
NAMES = ("X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset")


class Now:
    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


def test_every_answer_tells_the_window_nearest_to_exhaustion(start):
    now = Now()
    caller = start(spike=3, hourly=4, clock=now)

    # Given two of three calls in the spike window: that one is nearest
    assert [caller.get(ME).headers[NAMES[1]] for _ in range(2)] == ["2", "1"]
    # When the spike window starts again, three calls are left in it and two in the hour
    now.seconds += 10
    answer = caller.get(ME)
    # Then the hour is told
    assert [answer.headers[name] for name in NAMES] == ["4", "1", str(1_800_000_000 + 3600)]


def test_the_spike_limit_ends_in_429_until_its_reset(start):
    now = Now()
    caller = start(spike=2, clock=now)
    answers = [caller.get(ME) for _ in range(3)]

    assert [one.status_code for one in answers] == [200, 200, 429]
    assert answers[2].text.startswith("You have surpassed the max number of requests")
    assert answers[2].headers[NAMES[1]] == "0"
    assert answers[2].headers["Retry-After"] == "10"
    now.seconds = int(answers[2].headers[NAMES[2]])
    assert caller.get(ME).status_code == 200


def test_failed_calls_use_quota(start):
    caller = start(spike=2, clock=Now())

    paths = ("/rest/v1.0/projects/{p}/rfis/1", "/rest/v1.0/projects/{p}/rfis/1", "/rest/v1.0/projects/{p}/rfis/1")
    assert [caller.get(path).status_code for path in paths] == [404, 404, 429]


def test_the_hourly_limit_lasts_through_new_spike_windows(start):
    now = Now()
    caller = start(spike=2, hourly=3, clock=now)
    assert [caller.get(ME).status_code for _ in range(2)] == [200, 200]
    now.seconds += 10
    assert [caller.get(ME).status_code for _ in range(2)] == [200, 429]
    now.seconds += 3590
    assert caller.get(ME).status_code == 200


def test_companies_have_limits_of_their_own(start):
    caller = start(spike=1, clock=Now())
    other = str(list(caller.sim.world.companies)[1])

    assert [caller.get(ME).status_code for _ in range(2)] == [200, 429]
    assert caller.get(ME, headers={"Procore-Company-Id": other}).status_code == 200


@pytest.mark.parametrize("name", ["outage", "error_500", "error_502_html", "token_revoked", "rate_limit_429"])
def test_refusals_tell_the_window_too(start, name: str):
    caller = start(spike=50, clock=Now())
    caller.get(ME)
    caller.post("/_sim/faults", json={"name": name, "for_s": 60})
    answers = [caller.get(path) for path in (ME, "/rest/v1.0/nothing")]

    assert all(one.status_code >= 400 for one in answers)
    assert [one.headers[NAMES[0]] for one in answers] == ["50", "50"]
    assert all(one.headers[name] for one in answers for name in NAMES)


@pytest.mark.parametrize(
    ("profile", "body", "retry_after"),
    [("lenient", "You have surpassed", True), ("strict", '{"errors":"You have surpassed', False)],
)
def test_the_profiles_differ_in_what_a_429_says(start, profile: str, body: str, retry_after: bool):
    caller = start(spike=1, clock=Now(), profile=profile)
    caller.get(ME)
    answer = caller.get(ME)

    assert answer.text.startswith(body)
    assert ("Retry-After" in answer.headers) is retry_after


@pytest.mark.parametrize(("body", "begin"), [("errors", '{"errors"'), ("message", '{"message"'), ("html", "<html>")])
def test_the_form_of_a_429_can_be_chosen(start, body: str, begin: str):
    caller = start(spike=1, clock=Now())
    caller.post("/_sim/limits", json={"body": body, "retry_after": False})
    caller.get(ME)
    answer = caller.get(ME)

    assert (answer.status_code, answer.text.startswith(begin), "Retry-After" in answer.headers) == (429, True, False)


def test_a_proof_can_see_that_no_429_was_given_and_how_near_it_came(start):
    caller = start(spike=3, hourly=100, clock=Now())
    for _ in range(2):
        caller.get(ME)
    seen = caller.get("/_sim/limits").json()
    assert (seen["refused"], seen["ordered"], seen["fewest_left"]) == (0, 0, 1)
    assert seen["companies"] == [
        {"company_id": caller.company, "spike": {"limit": 3, "left": 1, "resets_in_s": 10},
         "hour": {"limit": 100, "left": 98, "resets_in_s": 3600}}
    ]  # fmt: skip

    caller.post("/_sim/faults", json={"name": "rate_limit_429", "count": 1})
    for _ in range(3):
        caller.get(ME)
    seen = caller.get("/_sim/limits").json()
    assert (seen["refused"], seen["ordered"], seen["fewest_left"]) == (1, 1, 0)
    caller.delete("/_sim/limits")
    assert caller.get("/_sim/limits").json()["refused"] == 0


def test_limits_can_be_changed_and_filled_up_while_it_runs(start):
    caller = start(clock=Now())
    caller.post("/_sim/limits", json={"spike": 1})
    assert [caller.get(ME).status_code for _ in range(2)] == [200, 429]

    caller.post("/_sim/limits/refill")
    assert caller.get(ME).status_code == 200
    assert [caller.post("/_sim/limits", json=wrong).status_code for wrong in ({"spike": 0}, {"speed": 1}, {"body": "x"})] == [
        400
    ] * 3


def test_sign_in_and_controls_are_not_limited(start):
    caller = start(spike=1, clock=Now())

    assert [caller.get("/_sim/state").status_code for _ in range(3)] == [200, 200, 200]
    assert [caller.get("/oauth/token/info").status_code for _ in range(3)] == [200, 200, 200]


def test_a_429_can_be_ordered(fresh: Caller):
    fresh.post("/_sim/faults", json={"name": "rate_limit_429", "count": 1, "retry_after": 3})
    first, second = fresh.get(ME), fresh.get(ME)

    assert (first.status_code, first.headers["Retry-After"], second.status_code) == (429, "3", 200)
