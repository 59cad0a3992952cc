"""The server: connections are kept, stopping loses nothing, a crowd is thinned out."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from config import settings
from config.errors import ConfigError
from tests.services import wait_until
from tests.webhook.door import Door, body, read_answer, request
from webhook.app import create_app
from webhook.front import Front
from webhook.serve import Server


class SlowApp:
    """A WSGI application whose answer waits for the test."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.may_answer = threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.entered.set()
        self.may_answer.wait(10)
        start_response("200 OK", [("Content-Length", "4")])
        return [b"done"]


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[tuple[SlowApp, Server, socket.socket]]:
    app = SlowApp()
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(Front(app, settings.load({}, tmp_path), threads=4), listener, connections=50)
    server.start()
    yield app, server, listener
    app.may_answer.set()
    server.stop()
    listener.close()


def test_one_connection_carries_many_deliveries(door: Door) -> None:
    with door.connect() as sock:
        for n in range(5):
            sock.sendall(request("POST", f"/webhooks/{door.key}", body(id=str(n))))
            assert read_answer(sock).status == 204
    assert len(door.kept()) == 5


def test_a_connection_is_closed_when_the_client_asks_for_it(door: Door) -> None:
    with door.connect() as sock:
        sock.sendall(request("POST", f"/webhooks/{door.key}", body(), {"Connection": "close"}))
        assert read_answer(sock).status == 204
        assert sock.recv(1) == b""


def test_stopping_answers_what_was_begun_and_takes_nothing_new(slow: tuple[SlowApp, Server, socket.socket]) -> None:
    # Given a request in the hands of a thread, and one that is half sent
    app, server, listener = slow
    with socket.create_connection(listener.getsockname()) as begun, socket.create_connection(listener.getsockname()) as half:
        begun.sendall(request("POST", "/"))
        half.sendall(b"POST / HT")
        app.entered.wait(5)
        # When the server is told to stop
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        time.sleep(0.2)
        # Then it waits for the answer
        assert stopping.is_alive()
        app.may_answer.set()
        assert read_answer(begun).body == b"done"
        stopping.join(5)
        assert not stopping.is_alive()
        # And both connections are closed
        assert begun.recv(1) == b""
        assert half.recv(1) == b""


def test_an_idle_server_stops_at_once_and_leaves_the_socket_to_its_owner(slow: tuple[SlowApp, Server, socket.socket]) -> None:
    app, server, listener = slow
    app.may_answer.set()
    idle = socket.create_connection(listener.getsockname())
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 1
    # Another server may go on with the same socket
    successor = Server(Front(app, settings.load({}, Path("/nonexistent")), threads=1), listener)
    successor.start()
    with socket.create_connection(listener.getsockname()) as sock:
        sock.sendall(request("POST", "/"))
        assert read_answer(sock).body == b"done"
    successor.stop()
    idle.close()


def test_a_crowd_of_silent_connections_is_thinned_out(slow: tuple[SlowApp, Server, socket.socket]) -> None:
    # Given more silent connections than there is room for
    app, _server, listener = slow
    app.may_answer.set()
    crowd = [socket.create_connection(listener.getsockname()) for _ in range(60)]
    # When a good sender comes
    began = time.monotonic()
    with socket.create_connection(listener.getsockname(), timeout=10) as sock:
        sock.sendall(request("POST", "/"))
        # Then it does not wait until they are late
        assert read_answer(sock).status == 200
        assert time.monotonic() - began < 5
    for sock in crowd:
        sock.close()


def test_whoever_comes_when_no_file_can_be_opened_is_answered_later(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    # Given a process with as many open files as it may have
    door.post(body(id="before"))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(one.name) for one in Path("/proc/self/fd").iterdir())
    with socket.socket() as sock:
        sock.settimeout(10)
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 10, hard))
        held: list[int] = []
        try:
            with contextlib.suppress(OSError):
                while True:
                    held.append(os.dup(0))
            # When a sender comes
            sock.connect(door.address)
            sock.sendall(request("POST", f"/webhooks/{door.key}", body(id="later")))
            wait_until(lambda: "door.cannot_accept" in caplog.messages, 10, "a line in the log")
        finally:
            for fd in held:
                os.close(fd)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        # Then it is answered once there is room
        assert read_answer(sock).status == 204
    assert caplog.messages.count("door.cannot_accept") <= 3


def test_an_answer_that_breaks_off_is_cut_and_not_taken_for_whole(tmp_path: Path) -> None:
    # Given an application that fails in the middle of a long answer
    def broken(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", "10")])
        yield b"half"
        raise OSError("the table is gone")

    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(Front(broken, settings.load({}, tmp_path)), listener)
    server.start()
    # When somebody reads it
    with socket.create_connection(listener.getsockname(), timeout=5) as sock:
        sock.sendall(request("GET", "/"))
        seen = b""
        while part := sock.recv(4096):
            seen += part
    # Then the connection ends before the length that was told
    assert seen.startswith(b"HTTP/1.1 200")
    assert seen.endswith(b"half")
    server.stop()
    listener.close()


def test_whoever_sends_on_after_the_answer_is_cut_off(door: Door) -> None:
    with door.connect(timeout_s=5) as sock:
        sock.sendall(request("POST", "/webhooks/unknown", b"", {"Content-Length": str(10**9)}))
        assert read_answer(sock).status == 401
        with pytest.raises(OSError):
            for _ in range(64):
                sock.sendall(b"x" * 1024 * 1024)


def test_the_debugger_cannot_be_switched_on(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_DEBUG", "1")
    with pytest.raises(ConfigError, match="FLASK_DEBUG is set"):
        create_app(door.engine, door.box, door.bell, door.settings)
