import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from config.errors import Permanent, Transient, Uncertain
from config.secrets import Secret
from connectors.ports import MemoryCalls, MemoryTokens, Token
from simulator.app import Running
from tests.connectors.conftest import Wire, connector_to, http_answer, procore_of


def token_calls(calls: MemoryCalls) -> int:
    return sum(call.path == "/oauth/token" for _, call in calls.calls)


def test_eight_threads_that_need_a_token_ask_for_one(sim: Running, calls: MemoryCalls) -> None:
    # Given a token endpoint that takes its time
    one = procore_of(connector_to(sim), calls=calls)
    barrier = threading.Barrier(8)
    names: list[str] = []

    def work() -> None:
        barrier.wait()
        names.extend(str(company["name"]) for company in one.companies())

    # When eight threads call at once
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    # Then one token was fetched and all were served
    assert len(names) == 16
    assert token_calls(calls) == 1


def test_a_token_is_kept_between_calls_and_between_objects(sim: Running, calls: MemoryCalls) -> None:
    tokens = MemoryTokens()
    for _ in range(3):
        procore_of(connector_to(sim), calls=calls, tokens=tokens).companies()
    assert token_calls(calls) == 1


def test_a_token_is_renewed_five_minutes_before_procore_ends_it(sim: Running, calls: MemoryCalls) -> None:
    tokens = MemoryTokens()
    procore_of(connector_to(sim), calls=calls, tokens=tokens).sign_in()
    kept = tokens.current("acme")
    assert kept is not None
    assert kept.expires_at == pytest.approx(time.time() + 5400 - 300, abs=5)
    tokens.keep("acme", Token(kept.value, time.time() - 1))
    procore_of(connector_to(sim), calls=calls, tokens=tokens).companies()
    assert token_calls(calls) == 2


def test_a_short_lived_token_is_still_used_more_than_once(wire: Callable[..., Wire], sim: Running) -> None:
    login = wire(http_answer(b'{"access_token": "abc", "token_type": "Bearer", "expires_in": 10}'))
    tokens = MemoryTokens()
    one = procore_of(connector_to(sim, login_host=login.url), tokens=tokens)
    for _ in range(2):
        one.sign_in()
    assert len(login.requests) == 1


def test_a_revoked_token_is_replaced_once_and_the_call_goes_through(sim: Running, calls: MemoryCalls) -> None:
    one = procore_of(connector_to(sim), calls=calls)
    one.companies()
    sim.world.tokens.revoke_all()
    assert one.companies()
    assert token_calls(calls) == 2


def test_eight_threads_with_one_revoked_token_fetch_one_new_token(sim: Running, calls: MemoryCalls) -> None:
    one = procore_of(connector_to(sim), calls=calls)
    one.companies()
    sim.world.tokens.revoke_all()
    threads = [threading.Thread(target=one.companies) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert token_calls(calls) == 2


def test_a_fresh_token_that_is_refused_too_is_permanent_after_two_tries(sim: Running, calls: MemoryCalls) -> None:
    one = procore_of(connector_to(sim), calls=calls)
    sim.world.faults.add({"name": "token_revoked", "for_s": 60})
    with pytest.raises(Permanent, match="A fresh token was refused as well") as raised:
        one.request("GET", "/rest/v1.0/me")
    assert raised.value.kind == "unauthorized"
    assert [call.path for _, call in calls.calls] == ["/oauth/token", "/rest/v1.0/me"] * 2


def test_wrong_credentials_say_which_host_refused_them_and_show_no_secret(sim: Running) -> None:
    one = procore_of(connector_to(sim, client_secret=Secret("not-the-secret")))
    with pytest.raises(Permanent, match=r"invalid_client; the credentials are unknown at http://127.0.0.1") as raised:
        one.sign_in()
    assert raised.value.kind == "unauthorized"
    assert "belongs to one environment only" in str(raised.value)
    assert "not-the-secret" not in str(raised.value)


def test_a_lost_token_answer_is_transient_even_when_the_callers_own_call_is_a_write(
    wire: Callable[..., Wire], sim: Running
) -> None:
    one = procore_of(connector_to(sim, login_host=wire(b"HTTP/1.1 200 OK\r\nContent-Le").url))
    with pytest.raises(Transient) as raised:
        one.request("POST", "/rest/v1.0/companies")
    assert not isinstance(raised.value, Uncertain)


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"access_token": 7, "expires_in": 1}', b'{"access_token": "x"}'])
def test_an_answer_without_a_token_is_transient(wire: Callable[..., Wire], sim: Running, body: bytes) -> None:
    one = procore_of(connector_to(sim, login_host=wire(http_answer(body)).url))
    with pytest.raises(Transient, match="holds no access token"):
        one.sign_in()


def test_forgetting_a_token_that_was_replaced_meanwhile_keeps_the_new_one() -> None:
    tokens = MemoryTokens()
    old, new = Token(Secret("old"), 1.0), Token(Secret("new"), 2.0)
    tokens.keep("acme", new)
    tokens.forget("acme", old)
    assert tokens.current("acme") == new
    assert replace(new) == new
