"""Tokens are shared: processes are played by objects of their own on one database."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from sqlalchemy import Engine

from config.secrets import Box, Secret
from connectors.ports import Call, Token
from workers.ports import CallLog, StoreTokens

BOX = Box([b"k" * 32])


def token(value: str) -> Token:
    return Token(Secret(value), time.time() + 3600)


def value(tokens: StoreTokens) -> str | None:
    found = tokens.current("acme")
    return None if found is None else found.value.reveal()


def test_a_token_that_one_process_got_serves_the_others(engine: Engine) -> None:
    one, other = StoreTokens(engine, BOX), StoreTokens(engine, BOX)
    assert value(other) is None
    one.keep("acme", token("first"))
    assert value(other) == "first"


def test_a_token_that_was_renewed_meanwhile_is_not_forgotten(engine: Engine) -> None:
    one, other = StoreTokens(engine, BOX), StoreTokens(engine, BOX)
    old = token("old")
    one.keep("acme", old)
    other.keep("acme", token("new"))
    one.forget("acme", old)
    assert value(one) == "new"


def test_of_six_processes_that_need_a_token_one_asks_for_it(engine: Engine) -> None:
    asked: list[str] = []
    together = threading.Barrier(6)

    def process(n: int) -> None:
        tokens = StoreTokens(engine, BOX)
        together.wait()
        with tokens.exclusively("acme"):
            if value(tokens) is None:
                asked.append(f"t{n}")
                tokens.keep("acme", token(f"t{n}"))

    threads = [threading.Thread(target=process, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asked) == 1
    assert value(StoreTokens(engine, BOX)) == asked[0]


def test_an_error_inside_opens_the_lock_again(engine: Engine) -> None:
    tokens = StoreTokens(engine, BOX)
    with pytest.raises(ZeroDivisionError), tokens.exclusively("acme"):
        raise ZeroDivisionError
    with tokens.exclusively("acme"):
        pass


def call(path: str) -> Call:
    return Call("GET", path, 200, 5, None, None, None)


def test_calls_stay_pending_until_they_are_taken(engine: Engine) -> None:
    log = CallLog()
    log.record("acme", call("/a"))
    assert [row["path"] for row in log.shown(run_id=1)] == ["/a"]
    assert [(row["path"], row["run_id"]) for row in log.take(run_id=2)] == [("/a", 2)]
    assert log.shown() == []


def test_each_thread_has_calls_of_its_own(engine: Engine) -> None:
    log = CallLog()
    log.record("acme", call("/mine"))
    seen: list[Any] = []
    thread = threading.Thread(target=lambda: seen.extend(log.shown()))
    thread.start()
    thread.join()
    assert seen == []
