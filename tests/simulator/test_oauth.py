from __future__ import annotations

import re

import pytest

from tests.simulator.conftest import Caller


def wish(caller: Caller, **other: str) -> dict[str, str]:
    tokens = caller.sim.world.tokens
    return {
        "grant_type": "client_credentials",
        "client_id": tokens.client_id,
        "client_secret": tokens.client_secret,
    } | other


@pytest.mark.parametrize("way", ["form", "multipart", "json", "basic"])
def test_a_token_is_given_for_each_way_of_sending_the_credentials(shared: Caller, way: str):
    asked = wish(shared)
    if way == "form":
        answer = shared.post("/oauth/token", data=asked)
    elif way == "multipart":
        answer = shared.post("/oauth/token", files={name: (None, text) for name, text in asked.items()})
    elif way == "json":
        answer = shared.post("/oauth/token", json=asked)
    else:
        pair = asked["client_id"], asked["client_secret"]
        answer = shared.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=pair)

    assert answer.status_code == 200
    assert sorted(answer.json()) == ["access_token", "created_at", "expires_in", "token_type"]
    assert answer.json()["expires_in"] == 5400
    assert answer.json()["access_token"].startswith("eyJ")
    assert len(answer.json()["access_token"]) > 255


def test_a_wrong_secret_is_an_invalid_client(shared: Caller):
    answer = shared.post("/oauth/token", data=wish(shared, client_secret="no"))

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(("grant", "error"), [("password", "unsupported_grant_type"), ("", "invalid_request")])
def test_other_grants_are_refused(shared: Caller, grant: str, error: str):
    answer = shared.post("/oauth/token", data=wish(shared, grant_type=grant))

    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_credentials_are_64_hex_and_the_same_for_the_same_seed(shared: Caller, fresh: Caller):
    states = [caller.get("/_sim/state").json() for caller in (shared, fresh)]

    assert all(re.fullmatch("[0-9a-f]{64}", states[0][key]) for key in ("client_id", "client_secret"))
    assert states[0]["client_secret"] == states[1]["client_secret"]


def test_token_info_names_the_application(shared: Caller):
    info = shared.get("/oauth/token/info").json()

    assert info["application"]["uid"] == shared.sim.world.tokens.client_id
    assert 0 < info["expires_in_seconds"] <= 5400


def test_a_revoked_token_is_refused_and_unknown_tokens_are_revoked_without_complaint(fresh: Caller):
    # Given a token that works
    token = str(fresh.headers["Authorization"]).removeprefix("Bearer ")
    assert fresh.get("/rest/v1.0/me").status_code == 200
    # When it is revoked, twice
    answers = [fresh.post("/oauth/revoke", data=wish(fresh, token=token)) for _ in range(2)]
    # Then both answers are fine and the token is dead
    assert [(one.status_code, one.json()) for one in answers] == [(200, {}), (200, {})]
    assert fresh.get("/rest/v1.0/me").status_code == 401
    assert fresh.get("/oauth/token/info").status_code == 401


def test_a_token_dies_after_ninety_minutes(start):
    now = [1_800_000_000.0]
    caller = start(clock=lambda: now[0])

    now[0] += 5399
    assert caller.get("/rest/v1.0/me").status_code == 200
    now[0] += 2
    assert caller.get("/rest/v1.0/me").status_code == 401
