"""A pretend Procore with room, a connector to it, and a server that answers with exactly the bytes of a test."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any

import pytest

from config.secrets import Secret
from connectors import definition, http
from connectors.definition import Connector
from connectors.kinds.procore_dmsa import Procore
from connectors.ports import MemoryCalls, MemoryQuota, MemoryTokens
from simulator.app import Running, serve

HOOK_SECRET = "Bearer " + "s3cr3t-" * 6


@pytest.fixture(autouse=True)
def _closed_sessions() -> Iterator[None]:
    yield
    http.close_sessions()


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Starts simulators with the options of the test; quotas are wide unless it says otherwise."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(serve(**{"spike": 100_000, "hourly": 1_000_000} | options))


@pytest.fixture
def sim(start: Callable[..., Running]) -> Running:
    return start()


def connector_to(sim: Running, **changes: Any) -> Connector:
    config = {
        "format": 1,
        "kind": "procore_dmsa",
        "name": "acme",
        "environment": "custom",
        "api_host": sim.url,
        "login_host": sim.url,
        "client_id": sim.world.tokens.client_id,
        "company_id": str(sim.company_id),
    }
    secrets = {"client_secret": Secret(sim.world.tokens.client_secret), "webhook_secret": Secret(HOOK_SECRET)}
    return replace(definition.from_stored(config, secrets), **changes)


def procore_of(connector: Connector, **ports: Any) -> Procore:
    """With ports in memory, unless the test brings its own."""
    given: dict[str, Any] = {"tokens": MemoryTokens(), "calls": MemoryCalls(), "quota": MemoryQuota()} | ports
    return Procore(connector, **given)


@pytest.fixture
def calls() -> MemoryCalls:
    return MemoryCalls()


@pytest.fixture
def procore(sim: Running, calls: MemoryCalls) -> Procore:
    return procore_of(connector_to(sim), calls=calls)


class Wire:
    """A TCP server whose answers are written byte by byte by the test; `requests` holds what came in."""

    def __init__(self, answer: Callable[[socket.socket], None] | bytes) -> None:
        self._answer = answer
        self.requests: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(5)
            self.requests.append(_request(connection))
            if isinstance(self._answer, bytes):
                connection.sendall(self._answer)
            else:
                self._answer(connection)

    def close(self) -> None:
        self._socket.close()


def _request(connection: socket.socket) -> bytes:
    """Head and body of one request."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    wanted = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < wanted:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@pytest.fixture
def wire() -> Iterator[Callable[..., Wire]]:
    with ExitStack() as stack:

        def made(answer: Callable[[socket.socket], None] | bytes) -> Wire:
            one = Wire(answer)
            stack.callback(one.close)
            return one

        yield made


def http_answer(body: bytes = b"{}", status: str = "200 OK", headers: str = "", content_type: str = "application/json") -> bytes:
    """A whole answer that also ends the connection."""
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n"
    )
    return head.encode() + body
