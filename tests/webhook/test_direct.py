"""Which deliveries are answered without ASGI, and that the sender gets the same answers."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config import failpoints
from tests.services import wait_until
from tests.webhook.door import Door, body, chunked, open_door, read_answer, request
from webhook.direct import MOST
from webhook.front import Front


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of all requests that came through ASGI."""
    paths: list[str] = []
    real = Front.__call__

    async def noted(self: Front, scope: Any, receive: Any, send: Any) -> None:
        paths.append(scope["path"])
        await real(self, scope, receive, send)

    monkeypatch.setattr(Front, "__call__", noted)
    return paths


@pytest.fixture
def door(asked: list[str], tmp_path: Path) -> Iterator[Door]:
    """A door that knows its hook."""
    opened = open_door(tmp_path)
    opened.know_hooks()
    yield opened
    opened.stop()


def _post(door: Door, sent: bytes, headers: dict[str, str | None] | None = None, path: str = "") -> bytes:
    return request("POST", path or f"/webhooks/{door.key}", sent, headers)


def test_a_delivery_that_is_recognised_needs_no_task(door: Door, asked: list[str]) -> None:
    with door.connect() as sock:
        for n in range(3):
            sock.sendall(_post(door, body(id=f"e{n}")))
            assert read_answer(sock).status == 204
    assert asked == []
    assert [row.delivery_key for row in door.kept()] == ["e0", "e1", "e2"]


def test_it_is_found_in_pieces_of_any_size(door: Door, asked: list[str]) -> None:
    sent = body(id="slow")
    with door.connect() as sock:
        for byte in _post(door, sent):
            sock.sendall(bytes([byte]))
        assert read_answer(sock).status == 204
    assert (asked, [bytes(row.raw) for row in door.kept()]) == ([], [sent])


@pytest.mark.parametrize("old", [False, True], ids=["Connection: close", "HTTP/1.0"])
def test_whoever_wants_no_more_than_one_answer_gets_it_and_the_end(door: Door, asked: list[str], old: bool) -> None:
    # As a proxy asks that keeps no connections to us
    sent = _post(door, body(id="only"), {"Connection": "close"})
    with door.connect() as sock:
        sock.sendall(sent.replace(b"HTTP/1.1", b"HTTP/1.0", 1) if old else sent)
        answer = read_answer(sock)
        assert (answer.status, answer.headers["connection"], sock.recv(1)) == (204, "close", b"")
    assert asked == []


LONG_WAY: dict[str, tuple[dict[str, str | None], str, int]] = {
    "in chunks": ({"Transfer-Encoding": "chunked", "Content-Length": None}, "", 204),
    "asks before it sends": ({"Expect": "100-continue"}, "", 100),
    "wants another protocol": ({"Connection": "upgrade", "Upgrade": "h2c"}, "", 204),
    "a question behind the key": ({}, "?a=1", 204),
    "a slash behind the key": ({}, "/", 204),
    "compressed": ({"Content-Encoding": "gzip"}, "", 415),
    "a wrong secret": ({"Authorization": "Bearer wrong"}, "", 401),
    "a wrong key": ({}, "x", 401),
    "something behind the key": ({}, "/more", 404),
}


@pytest.mark.parametrize("name", LONG_WAY)
def test_what_asks_for_more_goes_through_asgi(door: Door, asked: list[str], name: str) -> None:
    headers, behind, status = LONG_WAY[name]
    sent = body(id="one")
    head = _post(door, sent, headers, f"/webhooks/{door.key}{behind}").removesuffix(sent)
    with door.connect() as sock:
        sock.sendall(head + (chunked(sent) if name == "in chunks" else sent))
        assert read_answer(sock).status == status
    assert len(asked) == (name != "a slash behind the key")


@pytest.mark.parametrize(("size", "long_way"), [(MOST, False), (MOST + 1, True)])
def test_a_large_body_takes_the_long_way(door: Door, asked: list[str], size: int, long_way: bool) -> None:
    sent = body(id="one")
    sent += b" " * (size - len(sent))
    assert door.post(sent).status == 204
    assert (len(asked), bytes(door.kept()[0].raw)) == (long_way, sent)


def test_those_behind_another_one_wait_their_turn(door: Door, asked: list[str]) -> None:
    # Given three deliveries and a refusal, all written at once
    last = _post(door, body(id="d"), {"Authorization": "Bearer wrong"})
    with door.connect() as sock:
        sock.sendall(b"".join(_post(door, body(id=id)) for id in "abc") + last)
        # Then each is answered, in this order
        assert [read_answer(sock).status for _ in range(4)] == [204, 204, 204, 401]
    # And only the first one needed nobody to wait for
    assert len(asked) == 3
    assert [row.delivery_key for row in door.kept()] == ["a", "b", "c"]


def test_many_that_are_written_at_once_are_not_taken_for_one_large_head(door: Door) -> None:
    # Given 32 KiB of deliveries and half of another one
    one = _post(door, body(id="same"))
    count = 32 * 1024 // len(one) + 1
    with door.connect() as sock:
        sock.sendall(one * count + one[:100])
        assert [read_answer(sock).status for _ in range(count)] == [204] * count
        # When the other half comes
        sock.sendall(one[100:])
        # Then that one is answered too
        assert read_answer(sock).status == 204


def test_hooks_that_were_read_too_long_ago_are_read_again(door: Door, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhook.hooks.STALE_S", 0)
    assert door.post(body(id="a")).status == 204
    assert len(asked) == 1


def test_an_error_of_our_own_is_500_and_stops_nobody(door: Door, asked: list[str]) -> None:
    failpoints.arm("door.before_reply:raise", testing=True)
    try:
        answer = door.post(body(id="a"))
    finally:
        failpoints.arm("", testing=True)
    assert (answer.status, answer.body[:23]) == (500, b"internal error, request")
    assert door.post(body(id="b")).status == 204
    assert asked == []


def test_what_the_sender_does_not_wait_for_is_kept_all_the_same(door: Door, asked: list[str]) -> None:
    # Given a sender that leaves after its last byte
    with door.connect() as sock:
        sock.sendall(_post(door, body(id="left")))
    # Then the delivery is kept, and the next one is answered
    wait_until(lambda: [row.delivery_key for row in door.kept()] == ["left"], 10, "the delivery")
    assert (door.post(body(id="next")).status, asked) == (204, [])


def test_a_door_that_stops_answers_what_it_has_and_says_that_it_closes(door: Door, asked: list[str]) -> None:
    # Given a delivery that waits for another program's hold on the store
    other = sqlite3.connect(str(door.engine.url.database), isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    with door.connect() as sock:
        sock.sendall(_post(door, body(id="last")))
        wait_until(lambda: door.app.extensions["tieback.committer"]._busy_since is not None, 10, "the committer")
        # When the door is told to stop, and the store is free again
        stopping = threading.Thread(target=door.server.stop)
        stopping.start()
        wait_until(lambda: door.server._loop.should_exit, 10, "the order to stop")
        threading.Timer(0.5, other.execute, ("ROLLBACK",)).start()
        # Then it is answered first
        answer = read_answer(sock)
        assert (answer.status, answer.headers["connection"]) == (204, "close")
        assert sock.recv(1) == b""
        stopping.join()
    other.close()
    assert [row.delivery_key for row in door.kept()] == ["last"]
    assert asked == []
