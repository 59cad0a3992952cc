from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

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


# The authorization code: a person signs in and consents; the redirect carries the code and the state.

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
BACK = "https://acme.example/callback?from=procore"


def authorize(caller: Caller, **other: str) -> Any:
    asked = {"response_type": "code", "client_id": caller.sim.world.tokens.client_id, "redirect_uri": BACK, "state": "xyz"}
    return caller.get("/oauth/authorize", params=asked | other, allow_redirects=False)


def code_for(caller: Caller, redirect_uri: str = BACK) -> str:
    answer = authorize(caller, redirect_uri=redirect_uri)
    return parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]


def exchange(caller: Caller, code: str, redirect_uri: str = BACK) -> Any:
    return caller.post("/oauth/token", data=wish(caller, grant_type="authorization_code", code=code, redirect_uri=redirect_uri))


def refresh(caller: Caller, token: str) -> Any:
    return caller.post("/oauth/token", data=wish(caller, grant_type="refresh_token", refresh_token=token))


def works(caller: Caller, token: str) -> bool:
    return caller.get("/rest/v1.0/me", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_consent_redirects_with_a_code_and_the_state_of_the_application(shared: Caller):
    answer = authorize(shared)
    query = parse_qs(urlsplit(answer.headers["Location"]).query)

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("https://acme.example/callback?")
    assert (query["from"], query["state"], len(query["code"])) == (["procore"], ["xyz"], 1)


def test_out_of_band_the_code_is_shown_on_a_page(shared: Caller):
    page = shared.get(authorize(shared, redirect_uri=OUT_OF_BAND).headers["Location"])
    code = re.search(r'<code id="authorization_code">(\w+)</code>', page.text)

    assert page.headers["Content-Type"].startswith("text/html")
    assert code is not None
    assert exchange(shared, code.group(1), OUT_OF_BAND).status_code == 200


def test_a_code_buys_a_token_with_a_refresh_token_once(shared: Caller):
    code = code_for(shared)
    first, second = exchange(shared, code), exchange(shared, code)

    assert sorted(first.json()) == ["access_token", "created_at", "expires_in", "refresh_token", "token_type"]
    assert (second.status_code, second.json()["error"]) == (400, "invalid_grant")
    assert works(shared, first.json()["access_token"])


def test_a_code_is_good_for_its_own_redirect_address_only(shared: Caller):
    assert exchange(shared, code_for(shared), "https://acme.example/other").json()["error"] == "invalid_grant"


def test_a_code_is_good_for_ten_minutes(start):
    now = [1_800_000_000.0]
    caller = start(clock=lambda: now[0])
    young, old = code_for(caller), code_for(caller)

    now[0] += 599
    assert exchange(caller, young).status_code == 200
    now[0] += 1
    assert exchange(caller, old).json()["error"] == "invalid_grant"


def test_an_unknown_application_and_a_bad_redirect_address_get_a_page_and_no_redirect(shared: Caller):
    answers = [authorize(shared, client_id="nobody"), authorize(shared, redirect_uri="/relative")]

    assert [(one.status_code, "Location" in one.headers) for one in answers] == [(401, False), (400, False)]
    assert "Client authentication failed" in answers[0].text
    assert "redirect uri is malformed" in answers[1].text


def test_another_response_type_is_an_error_in_the_redirect(shared: Caller):
    query = parse_qs(urlsplit(authorize(shared, response_type="token").headers["Location"]).query)

    assert (query["error"], query["state"]) == (["unsupported_response_type"], ["xyz"])


def test_a_refresh_token_is_good_once_and_ends_the_old_pair(shared: Caller):
    old = exchange(shared, code_for(shared)).json()
    new = refresh(shared, old["refresh_token"]).json()

    assert works(shared, new["access_token"])
    assert not works(shared, old["access_token"])
    again = refresh(shared, old["refresh_token"])
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("half", ["access_token", "refresh_token"])
def test_revoking_either_half_ends_both(shared: Caller, half: str):
    pair = exchange(shared, code_for(shared)).json()

    assert shared.post("/oauth/revoke", data=wish(shared, token=pair[half])).json() == {}
    assert not works(shared, pair["access_token"])
    assert refresh(shared, pair["refresh_token"]).json()["error"] == "invalid_grant"


def test_who_is_not_the_application_revokes_nothing(shared: Caller):
    pair = exchange(shared, code_for(shared)).json()
    answer = shared.post("/oauth/revoke", data=wish(shared, client_secret="no", token=pair["access_token"]))

    assert (answer.status_code, answer.json()["error"]) == (403, "unauthorized_client")
    assert works(shared, pair["access_token"])


@pytest.mark.parametrize(
    ("grant", "gone"),
    [("authorization_code", "code"), ("authorization_code", "redirect_uri"), ("refresh_token", "refresh_token")],
)
def test_what_a_grant_needs_is_asked_for(shared: Caller, grant: str, gone: str):
    given = {"code": "x", "redirect_uri": BACK, "refresh_token": "x"}
    del given[gone]
    answer = shared.post("/oauth/token", data=wish(shared, grant_type=grant, **given))

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_the_error_texts_are_those_that_clients_know(shared: Caller):
    client = shared.post("/oauth/token", data=wish(shared, client_id="no")).json()
    grant = refresh(shared, "no").json()

    assert client["error_description"] == (
        "Client authentication failed due to unknown client, no client authentication included,"
        " or unsupported authentication method."
    )
    assert grant["error_description"] == (
        "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the"
        " authorization request, or was issued to another client."
    )


def test_strict_answers_a_bad_grant_with_401(start):
    assert refresh(start(profile="strict"), "no").status_code == 401


def test_a_person_lists_companies_without_the_header_and_is_named_by_me(start):
    caller = start(profile="strict")
    token = exchange(caller, code_for(caller)).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Procore-Company-Id": None}
    companies = caller.get("/rest/v1.0/companies", headers=headers).json()
    me = caller.get("/rest/v1.0/me", headers=headers).json()

    assert [one["name"] for one in companies] == ["Northgate Builders", "Bayline Constructors"]
    assert me["login"].endswith(".example")
    assert me["id"] != caller.get("/rest/v1.0/me").json()["id"]
