"""Serves a WSGI application with waitress, with the limits that a public door needs.

Waitress reads whole requests in one event loop and hands only complete ones to its threads, so a half-sent
body holds a socket and no thread. Its own timeout counts inactivity; a sender that drips bytes is ended
by the total time we add. Requests that two servers could read differently are refused (RFC 9112, section 11.2).
"""

from __future__ import annotations

import logging
import math
import resource
import socket
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher, WSGITask

from config.settings import Settings

log = logging.getLogger("tieback.door")

THREADS = 64  # each waits for a commit most of the time; more of them make larger groups
SWITCH_S = 0.001
REQUEST_S = 10.0  # from the first byte of a request (or the connection) to its last
IDLE_S = 75  # longer than a proxy keeps its connections to us, so that it never writes into one we close
HELD_BYTES = 256 * 1024 * 1024
MAX_BODY = 1024 * 1024 + 64 * 1024  # a little over the door's limit, so that the door itself says 413 to whom it knows
GRACE_S = 10.0


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    def parse_header(self, header_plus: bytes) -> None:
        if b"\r\n " in header_plus or b"\r\n\t" in header_plus:
            raise ParsingError("a header line is folded")
        super().parse_header(header_plus)
        if "TRANSFER_ENCODING" in self.headers or (self.chunked and "CONTENT_LENGTH" in self.headers):
            raise ParsingError("the length of the body is given in two ways")


class _Task(WSGITask):  # type: ignore[misc]
    def set_close_on_finish(self) -> None:
        """Waitress ends the connection after any answer without a length; a 204 never has one (RFC 9110, section 8.6)."""
        asked_to = self.version == "1.0" or self.request.headers.get("CONNECTION", "").lower() == "close"
        if asked_to or self.wrote_header or not self.status.startswith("204"):
            super().set_close_on_finish()


class _Channel(HTTPChannel):  # type: ignore[misc]
    """A connection that knows since when it owes us the rest of a request."""

    parser_class = _Parser
    task_class = _Task

    def __init__(self, *args: Any, **kw: Any):
        super().__init__(*args, **kw)
        self.unfinished_since: float = self.creation_time

    def received(self, data: bytes) -> bool:
        before = self.request
        kept: bool = super().received(data)
        if self.request is None:
            self.unfinished_since = math.inf
        elif self.request is not before:
            self.unfinished_since = time.time()
        return kept

    @property
    def held_bytes(self) -> int:
        return 0 if self.request is None else int(self.request.body_bytes_received)

    @property
    def at_work(self) -> bool:
        return bool(self.requests or self.total_outbufs_len)


class _Listener(TcpWSGIServer):  # type: ignore[misc]
    channel_class = _Channel

    def handle_accept(self) -> None:
        """Waitress accepts one connection per turn, and each turn looks at all of them: a burst would take seconds."""
        for _ in range(64):
            before = len(self.active_channels)
            super().handle_accept()
            if len(self.active_channels) == before:
                return

    def maintenance(self, now: float) -> None:
        """Once a second: end what is late; when it gets crowded, end the half that has been silent for longest."""
        super().maintenance(now)
        resting = sorted((c for c in self.active_channels.values() if not c.at_work), key=lambda c: c.last_activity)
        for channel in resting:
            if now - channel.unfinished_since > REQUEST_S:
                channel.will_close = True
        crowded = len(self.active_channels) > 0.9 * self.adj.connection_limit
        if crowded or sum(channel.held_bytes for channel in resting) > HELD_BYTES:
            log.warning("door.crowded")
            for channel in resting[: len(resting) // 2]:
                channel.will_close = True


class Server:
    """Runs an application on listening sockets until it is told to stop.

    The sockets stay the caller's: the server works on duplicates, so that a supervisor can hand them on.
    """

    def __init__(
        self,
        app: Any,
        sockets: socket.socket | Sequence[socket.socket],
        settings: Settings,
        threads: int = THREADS,
        connections: int | None = None,
    ):
        # The committer needs Python's lock many times per group, while every other thread has work that keeps it
        # for the whole interval. With the usual 5 ms the door takes in half as many deliveries (bench/accept.py).
        sys.setswitchinterval(SWITCH_S)
        # A full queue of tasks is what a burst looks like, not a line in the log for each request.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        limits = _adjustments(settings, threads, connections or _connections())
        self._map: dict[int, Any] = {}
        self._workers = ThreadedTaskDispatcher()
        given = [sockets] if isinstance(sockets, socket.socket) else sockets
        self._listeners = [_listener(app, sock.dup(), self._map, self._workers, limits) for sock in given]
        self._workers.set_thread_count(limits.threads)
        self._stopping = threading.Event()
        self._ending = threading.Lock()
        self._thread = threading.Thread(target=self.run, name="door", daemon=True)

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread.start()

    def run(self) -> None:
        """Serve in this thread until `stop` is called elsewhere; returns when what was begun is answered."""
        while not self._stopping.is_set():
            try:
                self._turn(1.0)
            except Exception:
                log.exception("door.loop_stumbled")
                time.sleep(0.1)
        self._drain()

    def stop(self) -> None:
        """Accept no more, answer what is here (for 10 s at most), then return. Calling it again does nothing."""
        if self._stopping.is_set():
            return
        with self._ending:
            # Under one lock with the closing of the triggers: a trigger that is pulled after that may be
            # somebody else's file by then.
            self._stopping.set()
            for listener in self._listeners:
                listener.pull_trigger()
        if self._thread.is_alive():
            self._thread.join(timeout=GRACE_S + 5)

    def _turn(self, timeout_s: float) -> None:
        wasyncore.loop(timeout=timeout_s, use_poll=True, map=self._map, count=1)

    def _drain(self) -> None:
        for listener in self._listeners:
            wasyncore.dispatcher.close(listener)  # its trigger stays open: the threads still pull it
        began = time.monotonic()
        self._turn(0)  # takes in what has arrived already
        while (left := self._unanswered(time.monotonic() - began)) and time.monotonic() - began < GRACE_S:
            self._turn(0.05)
        if left:
            log.warning("door.stopped_early")
        self._workers.shutdown(cancel_pending=True, timeout=1)
        with self._ending:
            wasyncore.close_all(self._map)

    def _unanswered(self, waited_s: float) -> bool:
        """True while a request is worked on, or half of one arrived less than a second ago. Closes connections that rest."""
        waiting = False
        for channel in [c for listener in self._listeners for c in listener.active_channels.values()]:
            if channel.at_work or (channel.request is not None and waited_s < 1):
                waiting = True
            else:
                channel.will_close = True
        return waiting


def _listener(app: Any, sock: socket.socket, map: dict[int, Any], workers: Any, limits: Any) -> _Listener:
    info = (sock.family, sock.type, sock.proto, sock.getsockname())
    return _Listener(app, map, True, sock, dispatcher=workers, adj=limits, sockinfo=info, bind_socket=False)


def _adjustments(settings: Settings, threads: int, connections: int) -> Any:
    proxy: dict[str, Any] = {}
    if settings.behind_proxy:
        headers = {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"}
        proxy = {"trusted_proxy": "*", "trusted_proxy_count": 1, "trusted_proxy_headers": headers}
    return Adjustments(
        threads=threads, ident=None, expose_tracebacks=False, log_socket_errors=False, asyncore_use_poll=True,
        connection_limit=connections, channel_timeout=IDLE_S, cleanup_interval=1,
        max_request_header_size=16 * 1024, max_request_body_size=MAX_BODY, inbuf_overflow=2 * MAX_BODY,
        clear_untrusted_proxy_headers=True, **proxy,
    )  # fmt: skip


def _connections() -> int:
    """As many connections as the open files of this process allow, with room for the rest; up to 2,000."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < 4096:
        soft = 4096 if hard < 0 else min(hard, 4096)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return 2000 if soft < 0 else min(2000, max(100, soft - 512))
