"""Serves an ASGI application with uvicorn, with the limits that a public door needs.

One event loop reads whole requests, so a half-sent one holds a socket and no thread. uvicorn knows no time within which
a request must have arrived, and no size of a head: both are added here. Its parser, llhttp, refuses requests that two
servers could read differently (RFC 9112, section 11.2); the two kinds it lets pass are refused here.
"""

from __future__ import annotations

import asyncio
import logging
import math
import resource
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from config.logs import about
from webhook import direct
from webhook.direct import Direct, Headers, Taker

log = logging.getLogger("tieback.door")

Take = Callable[[bytes, Headers], Taker | None]

SWITCH_S = 0.001
REQUEST_S = 10.0  # from the first byte of a request (or the connection) to its last
IDLE_S = 75  # longer than a proxy keeps its connections to us, so that it never writes into one we close
HELD_BYTES = 256 * 1024 * 1024
MAX_HEAD = 16 * 1024
MAX_BODY = 1024 * 1024 + 64 * 1024  # a little over the door's limit, so that the door itself says 413 to whom it knows
GRACE_S = 10.0
ACCEPT_AGAIN_S = 1.0  # after there was no room for another open file


class App(Protocol):
    """An ASGI application that answers some POSTs by itself: as `webhook.front.Front`."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    def take(self, target: bytes, headers: Headers) -> Taker | None: ...


class _Connection(HttpToolsProtocol):
    """A connection that knows since when it owes us the rest of a request."""

    def __init__(self, *args: Any, most: int, take: Take, **kw: Any):
        super().__init__(*args, **kw)
        self._most = most
        self._take = take
        self._in_head = True
        self._head_bytes = 0
        self._begun = self._ending = self._ended_one = False
        self.held_bytes = 0
        self.heard_at = self.unfinished_since = self.loop.time()

    @property
    def at_work(self) -> bool:
        """A whole request is here and its answer is not out yet."""
        return self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._most:
            thin_out(self.connections)

    def data_received(self, data: bytes) -> None:
        self.heard_at = self.loop.time()
        self._ended_one = False
        super().data_received(data)
        if self._in_head and not self._ended_one:  # else most of it was of the requests before
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD and not self.transport.is_closing():
                self.send_400_response("the head is too large")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begun = self._in_head = True
        self._head_bytes = 0
        if self.unfinished_since == math.inf:
            self.unfinished_since = self.loop.time()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEAD:
            raise ValueError("the head is too large")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        told = b",".join(value for name, value in self.headers if name == b"transfer-encoding").strip().lower()
        if told not in (b"", b"chunked") or (told and self.parser.get_http_version() == "1.0"):
            raise ValueError("the length of the body is given in a way that not all servers understand")
        self._in_head, self._head_bytes = False, 0
        may_be_direct = self.parser.get_method() == b"POST" and direct.may_be(self)
        if may_be_direct and (taker := self._take(self.url, self.headers)) is not None:
            self.cycle = Direct(self, taker)  # type: ignore[assignment]
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self.held_bytes += len(body)
        super().on_body(body)
        if self.held_bytes > MAX_BODY and self.cycle.response_complete:  # answered already, and still it sends
            self.transport.close()

    def on_message_complete(self) -> None:
        self._begun, self.unfinished_since, self.held_bytes, self._ended_one = False, math.inf, 0, True
        super().on_message_complete()
        if isinstance(self.cycle, Direct):
            self.cycle.whole()

    def send_400_response(self, msg: str) -> None:
        status = "431 Request Header Fields Too Large" if self._head_bytes > MAX_HEAD else "400 Bad Request"
        head = f"HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {len(msg) + 1}\r\n"
        self.transport.write(f"{head}connection: close\r\n\r\n{msg}\n".encode())
        self.transport.close()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._ending:
            self.transport.close()

    def shutdown(self) -> None:
        """Close when what was begun is answered; the second half of a request has a second to arrive."""
        self._ending = True
        if self.at_work:
            self.cycle.keep_alive = False
        elif self._begun and self.loop.time() - self.unfinished_since < 1:
            self.loop.call_later(1, self._give_up)
        else:
            self.transport.close()

    def _give_up(self) -> None:
        if not self.at_work:
            self.transport.close()


def thin_out(connections: set[Any]) -> None:
    """End the half of the resting connections that has been silent for longest."""
    log.warning("door.crowded")
    resting = sorted((one for one in connections if not one.at_work), key=lambda one: one.heard_at)
    for one in resting[: (len(resting) + 1) // 2]:
        one.transport.close()


class _Loop(uvicorn.Server):
    most = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])
        self._loop = asyncio.get_running_loop()
        for sock in sockets or []:
            sock.setblocking(False)
            self._listen(sock)

    def _listen(self, sock: socket.socket) -> None:
        if self.should_exit:  # a second later
            return
        self._loop.add_reader(sock, self._accept, sock)

    def _accept(self, sock: socket.socket) -> None:
        """Take one connection: a loop that took all that wait would leave none for the other processes on this socket."""
        try:
            taken, _ = sock.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another process took it, or it is gone again
        except OSError as error:
            log.warning("door.cannot_accept", extra=about(error=error.strerror))
            self._loop.remove_reader(sock)
            self._loop.call_later(ACCEPT_AGAIN_S, self._listen, sock)
            return
        taking = self._loop.create_task(self._connect(taken))
        self.server_state.tasks.add(taking)
        taking.add_done_callback(self.server_state.tasks.discard)

    async def _connect(self, taken: socket.socket) -> None:
        made: Any = self.config.http_protocol_class
        connection = made(self.config, self.server_state, self.lifespan.state)
        try:
            await self._loop.connect_accepted_socket(lambda: connection, taken)
        except OSError:  # it is gone again
            taken.close()
            return
        if self.should_exit:  # it was not among those that were told
            connection.shutdown()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for sock in sockets or []:
            self._loop.remove_reader(sock)
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:
            self._look()
        return await super().on_tick(counter)

    def _look(self) -> None:
        """Once a second: end what is late, and when it gets crowded, what has been silent for longest."""
        connections: set[Any] = self.server_state.connections
        now = asyncio.get_running_loop().time()
        for one in [one for one in connections if not one.at_work and now - one.unfinished_since > REQUEST_S]:
            one.transport.close()
        if len(connections) > 0.9 * self.most or sum(one.held_bytes for one in connections) > HELD_BYTES:
            thin_out(connections)


class Server:
    """Runs an ASGI application on listening sockets until it is told to stop.

    The sockets stay the caller's: the server works on duplicates, so that a supervisor can hand them on.
    """

    def __init__(self, app: App, sockets: socket.socket | Sequence[socket.socket], connections: int | None = None):
        # The committer needs Python's lock many times per group, while other threads keep it for the whole interval.
        sys.setswitchinterval(SWITCH_S)
        given = [sockets] if isinstance(sockets, socket.socket) else sockets
        self._sockets = [sock.dup() for sock in given]
        most = connections or _connections()
        config = uvicorn.Config(
            app, http=partial(_Connection, most=most, take=app.take), ws="none", lifespan="off", loop="uvloop", interface="asgi3",  # type: ignore[arg-type]
            log_config=None, log_level="error", access_log=False, proxy_headers=False, server_header=False,
            timeout_keep_alive=IDLE_S, timeout_graceful_shutdown=int(GRACE_S),
        )  # fmt: skip
        self._loop = _Loop(config)
        self._loop.most = most
        self._thread = threading.Thread(target=self.run, name="door", daemon=True)

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread.start()

    def run(self) -> None:
        """Serve in this thread until `stop` is called elsewhere; returns when what was begun is answered (10 s at most)."""
        self._loop.run(sockets=self._sockets)

    def stop(self) -> None:
        """Accept no more, answer what is here, then return. Calling it again does nothing."""
        self._loop.should_exit = True
        if self._thread.is_alive():
            self._thread.join(timeout=GRACE_S + 5)


def _connections() -> int:
    """As many connections as the open files of this process allow, with room for the rest; up to 2,000."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < 4096:
        soft = 4096 if hard < 0 else min(hard, 4096)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return 2000 if soft < 0 else min(2000, max(100, soft - 512))
