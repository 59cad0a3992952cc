"""Signing in with Procore: the address, the code, the companies, and that nothing of it stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from config.errors import Permanent, Transient
from config.secrets import Secret
from connectors.signin import OUT_OF_BAND, SignIn
from simulator.app import Running
from tests.connectors.conftest import Wire, connector_to, http_answer

BACK = "http://127.0.0.1:9/signed-in"


def consent(url: str) -> str:
    """What the browser is at in the end, after the person agreed."""
    reply = requests.get(url, allow_redirects=False, timeout=5)
    assert reply.status_code == 302, reply.text
    return reply.headers["Location"]


def code_in(address: str) -> str:
    return parse_qs(urlsplit(address).query)["code"][0]


def live_tokens(sim: Running) -> list[Any]:
    return [token for token in sim.world.tokens._issued.values() if token.refresh]


def test_the_address_asks_for_a_code_with_a_state_and_without_any_secret(sim: Running) -> None:
    one, other = SignIn(connector_to(sim)), SignIn(connector_to(sim))
    asked = parse_qs(urlsplit(one.url).query)
    assert one.url.startswith(f"{sim.url}/oauth/authorize?")
    assert (asked["response_type"], asked["redirect_uri"]) == (["code"], [OUT_OF_BAND])
    assert asked["state"] == [one.state]
    assert len(one.state) >= 20
    assert one.state != other.state
    assert sim.world.tokens.client_secret not in one.url


def test_a_code_gives_the_persons_companies_and_its_token_is_revoked(sim: Running) -> None:
    one = SignIn(connector_to(sim))
    found = one.companies(f"  {code_in(consent(one.url))}\n")
    assert str(sim.company_id) in {str(company["id"]) for company in found}
    assert live_tokens(sim) == []


def test_the_token_is_revoked_when_the_list_cannot_be_read(sim: Running) -> None:
    one = SignIn(connector_to(sim))
    code = code_in(consent(one.url))
    sim.world.faults.add({"name": "outage"})
    with pytest.raises(Transient):
        one.companies(code)
    assert live_tokens(sim) == []


def test_the_whole_address_is_taken_and_its_state_compared(sim: Running) -> None:
    one = SignIn(connector_to(sim), BACK)
    address = consent(one.url)
    with pytest.raises(Permanent, match="belongs to another sign-in") as raised:
        SignIn(connector_to(sim), BACK).companies(address)
    assert code_in(address) not in str(raised.value)
    with pytest.raises(Permanent, match="belongs to another sign-in"):
        one.companies(address.replace("state=", "static="))
    assert one.companies(address)


def test_the_sign_in_can_go_on_in_another_process_by_its_state(sim: Running) -> None:
    address = consent(SignIn(connector_to(sim), BACK, "kept-with-the-session").url)
    assert SignIn(connector_to(sim), BACK, "kept-with-the-session").companies(address)


@pytest.mark.parametrize("answer", ["nonsense", "", "\x1b[31mred", "x" * 5000])
def test_a_wrong_code_is_one_sentence_with_the_mend(sim: Running, answer: str) -> None:
    with pytest.raises(Permanent, match=r"mistyped, used already, or older than ten minutes \(invalid_\w+\)\. Begin again"):
        SignIn(connector_to(sim)).companies(answer)


def test_a_code_is_good_once_and_for_ten_minutes(sim: Running) -> None:
    one = SignIn(connector_to(sim))
    code = code_in(consent(one.url))
    one.companies(code)
    with pytest.raises(Permanent, match="used already"):
        one.companies(code)
    late = code_in(consent(one.url))
    sim.world.tokens._clock = lambda: 4e9
    with pytest.raises(Permanent, match="older than ten minutes"):
        one.companies(late)


def test_a_wrong_secret_is_told_from_a_wrong_code(sim: Running) -> None:
    one = SignIn(connector_to(sim, client_secret=Secret("nope-nope-nope")))
    with pytest.raises(Permanent, match="the client id or secret is unknown at") as raised:
        one.companies(code_in(consent(one.url)))
    assert "nope-nope-nope" not in str(raised.value)


@pytest.mark.parametrize("body", [b"[]", b"{}", b"null", b'{"access_token": ""}', b"<html>"])
def test_no_answer_to_the_code_passes_for_a_token(sim: Running, wire: Callable[..., Wire], body: bytes) -> None:
    with pytest.raises(Transient):
        SignIn(connector_to(sim, login_host=wire(http_answer(body)).url)).companies("c" * 64)


def test_a_redirect_of_the_token_address_takes_no_secret_elsewhere(sim: Running, wire: Callable[..., Wire]) -> None:
    elsewhere = wire(http_answer())
    there = wire(http_answer(status="307 Temporary Redirect", headers=f"Location: {elsewhere.url}/oauth/token\r\n"))
    with pytest.raises(Permanent, match="redirects, which is never followed"):
        SignIn(connector_to(sim, login_host=there.url)).companies("c" * 64)
    assert elsewhere.requests == []


def test_an_app_that_became_its_own_stranger_gets_no_other_token(sim: Running) -> None:
    """A refused person's token must not be replaced by the application's: that one sees other companies."""
    one = SignIn(connector_to(sim))
    code = code_in(consent(one.url))
    sim.world.faults.add({"name": "token_revoked", "count": 1, "path": "/companies"})
    with pytest.raises(Permanent, match="refused the token of the person"):
        one.companies(code)
