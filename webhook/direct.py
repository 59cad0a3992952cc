"""A delivery on its connection, answered without a task of its own and without ASGI's messages.

Those cost a tenth of the door's time (docs/decisions/0004-server.md). Only what needs neither to wait nor to be refused
comes this way: all else, and whatever came before the last answer was out, goes through ASGI.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from webhook.procore import CLOSE, Answer

Headers = list[tuple[bytes, bytes]]
Say = Callable[[Answer], None]
Taker = Callable[[bytes, Say], None]

MOST = HIGH_WATER_LIMIT  # bytes of a body; above it reading pauses until somebody asks for more


class Direct:
    """Stands where uvicorn keeps the request that it is answering, and has what its connection asks of one."""

    message_event = asyncio.Event()  # nobody waits for it

    def __init__(self, connection: Any, taker: Taker):
        self._connection = connection
        self._taker = taker
        self.body = bytearray()
        self.more_body = True
        parser = connection.parser
        self.keep_alive = parser.get_http_version() != "1.0" and parser.should_keep_alive()
        self.disconnected = self.response_complete = False

    def whole(self) -> None:
        """The last byte of the body is here."""
        self._taker(bytes(self.body), self._say)

    def _say(self, answer: Answer) -> None:
        transport = self._connection.transport
        if self.response_complete or transport.is_closing():
            return
        self.response_complete = True
        transport.write(_written(answer, self._connection.server_state.default_headers, keep_alive=self.keep_alive))
        if not self.keep_alive:
            transport.close()
        self._connection.on_response_complete()


def may_be(connection: Any) -> bool:
    """True when nothing about the head of this request, or of those before it, asks for more than one answer to one body."""
    parser, before = connection.parser, connection.cycle
    if before is not None and not before.response_complete:
        return False
    if connection.expect_100_continue or connection.flow.write_paused or parser.should_upgrade():
        return False
    return all(
        int(value) <= MOST if name == b"content-length" else name != b"transfer-encoding" for name, value in connection.headers
    )


def _written(answer: Answer, default: Headers, *, keep_alive: bool) -> bytes:
    headers, body = answer.written()
    headers += default if keep_alive else [*default, CLOSE]
    return b"".join((STATUS_LINE[answer.status], *(b"%b: %b\r\n" % one for one in headers), b"\r\n", body))
