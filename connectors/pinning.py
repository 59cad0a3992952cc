"""A requests adapter that connects only to checked addresses and knows how far an exchange came.

The name stays in the TLS handshake, the certificate check and the Host header; only the address behind
it is ours to choose. `Exchange` says whether the request was sent, and ends it at its deadline: a far end
that sends one byte every nine seconds never trips a read timeout.
"""

from __future__ import annotations

import heapq
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from config.errors import TiebackError


class Exchange:
    """One request and its answer, from the side of the connection."""

    def __init__(self, total_s: float):
        self.deadline = time.monotonic() + total_s
        self.sent = False
        self.refused: TiebackError | None = None
        self.socket: socket.socket | None = None
        self._over = False
        self._guard = threading.Lock()

    @property
    def expired(self) -> bool:
        return time.monotonic() >= self.deadline

    def over(self) -> None:
        with self._guard:
            self._over, self.socket = True, None

    def cut(self) -> None:
        """End it from another thread: its next read sees the end of the stream."""
        with self._guard:
            if self._over or self.socket is None:
                return
            # The plain method: SSLSocket.shutdown would pull the TLS state from under a reader.
            with suppress(OSError):
                socket.socket.shutdown(self.socket, socket.SHUT_RDWR)


class _Watch:
    """One thread that cuts exchanges at their deadline."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Exchange]] = []
        self._turn = itertools.count()
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, exchange: Exchange) -> None:
        with self._wake:
            heapq.heappush(self._due, (exchange.deadline, next(self._turn), exchange))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="deadlines", daemon=True)
                self._thread.start()
            elif self._due[0][2] is exchange:
                self._wake.notify()

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._due or self._due[0][0] > time.monotonic():
                    self._wake.wait(self._due[0][0] - time.monotonic() if self._due else None)
                exchange = heapq.heappop(self._due)[2]
            exchange.cut()


_watch = _Watch()
_current = threading.local()


@contextmanager
def exchange(total_s: float) -> Iterator[Exchange]:
    """Everything this thread does on a pinned connection inside the block belongs to this exchange."""
    one = Exchange(total_s)
    _current.exchange = one
    _watch.add(one)
    try:
        yield one
    finally:
        one.over()
        _current.exchange = None


AddressesOf = Callable[[], list[str]]


class _Pinned:
    """What both kinds of connection share; mixed in before urllib3's own class."""

    addresses_of: AddressesOf

    def _new_conn(self) -> socket.socket:
        connection = cast(HTTPConnection, self)
        timeout = connection.timeout if isinstance(connection.timeout, (int, float)) else 3.0
        try:
            addresses = self.addresses_of()
        except TiebackError as error:
            # urllib3 would wrap our error out of sight; the exchange carries it to http.py.
            if getattr(_current, "exchange", None):
                _current.exchange.refused = error
            raise NewConnectionError(connection, str(error)) from error
        return _connect(connection, addresses, timeout)

    def request(self, *args: Any, **kwargs: Any) -> None:
        one: Exchange | None = getattr(_current, "exchange", None)
        if one is not None:
            connection = cast(HTTPConnection, self)
            if connection.sock is None:
                connection.connect()
            one.socket, one.sent = connection.sock, True
        super().request(*args, **kwargs)  # type: ignore[misc]


def _connect(connection: HTTPConnection, addresses: list[str], timeout: float) -> socket.socket:
    deadline = time.monotonic() + timeout
    last: OSError | None = None
    for address in addresses:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            break
        try:
            made = socket.create_connection((address, connection.port), left_s)
        except OSError as error:
            last = error
            continue
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made
    if last is None or isinstance(last, TimeoutError):
        raise ConnectTimeoutError(connection, f"no connection within {timeout:g} s")
    raise NewConnectionError(connection, str(last.strerror or last))


class PinnedAdapter(HTTPAdapter):
    """Connects to what `addresses_of` answers, asked once per new connection."""

    def __init__(self, addresses_of: AddressesOf):
        self._addresses_of = addresses_of
        super().__init__(max_retries=0, pool_connections=1, pool_maxsize=2)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        manager: PoolManager = self.poolmanager
        plain = type("PinnedHTTP", (_Pinned, HTTPConnection), {"addresses_of": staticmethod(self._addresses_of)})
        tls = type("PinnedHTTPS", (_Pinned, HTTPSConnection), {"addresses_of": staticmethod(self._addresses_of)})
        manager.pool_classes_by_scheme = {
            "http": cast(Any, type("PinnedPool", (HTTPConnectionPool,), {"ConnectionCls": plain})),
            "https": cast(Any, type("PinnedTLSPool", (HTTPSConnectionPool,), {"ConnectionCls": tls})),
        }
