"""What stands before Flask: deliveries are answered here, in the event loop; all else goes to a WSGI application's threads.

A delivery waits for a commit and needs no thread for that. Ahead of Flask's dispatch the door takes in several times as
many (bench/accept.py). No request reaches a thread before its last byte is here.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from urllib.parse import quote_from_bytes

from a2wsgi import WSGIMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from config.settings import Settings
from store.hooks import OpenHook
from webhook import procore
from webhook.direct import Taker
from webhook.measured import Measured
from webhook.procore import CLOSE, Answer, Receiver
from webhook.serve import MAX_BODY

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]

THREADS = 16
DELIVERIES = "/webhooks/"
PRINTABLE = bytes(range(0x21, 0x7F))


class _GoneError(Exception):
    """The client closed before its request was whole."""


class Front:
    """An ASGI application.

    `rest` answers what is no delivery. Without a receiver nothing is a delivery. X-Forwarded-* is believed only where
    TIEBACK_BEHIND_PROXY says so, and then of the nearest proxy.
    """

    def __init__(
        self,
        rest: Wsgi,
        settings: Settings,
        *,
        receiver: Receiver | None = None,
        measured: Measured | None = None,
        threads: int = THREADS,
    ):
        self._behind_proxy = settings.behind_proxy
        wsgi = ProxyFix(rest, x_for=1, x_proto=1, x_host=1) if settings.behind_proxy else rest
        self._rest = WSGIMiddleware(wsgi, workers=threads)  # type: ignore[arg-type]
        self._receiver = receiver
        self._measured = measured

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one request."""
        try:
            key = self._key(scope["path"]) if scope["method"] == "POST" else None
            if key is None:
                await self._hand_over(scope, receive, send)
            else:
                await self._deliver(key, scope, receive, send)
        except _GoneError:
            return
        except Exception as error:  # noqa: BLE001 (`failed` logs it)
            with contextlib.suppress(RuntimeError):  # an answer had begun: the server cuts it, so that nobody takes it for whole
                await _say(send, procore.failed(error))

    def _key(self, path: str) -> str | None:
        """The key of the hook that a POST is delivered to, None when it is no delivery."""
        if self._receiver is None or not path.startswith(DELIVERIES):
            return None
        key = path[len(DELIVERIES) :].removesuffix("/")
        return key if key and "/" not in key else None

    def take(self, target: bytes, headers: list[tuple[bytes, bytes]]) -> Taker | None:
        """What takes in the body of this POST and answers it; None when it may have to wait or to refuse: `__call__` does that.

        `target` as it stands in the request, names of headers in small letters.
        """
        key = self._key(target.decode("latin-1")) if b"%" not in target and b"?" not in target else None
        if key is None:
            return None
        named = _joined(headers)
        hook = self._receiver.recognised(key, named)  # type: ignore[union-attr]
        return None if hook is None else partial(self._keep, hook, named, time.perf_counter())

    def _keep(self, hook: OpenHook, headers: procore.Headers, began: float, raw: bytes, say: Callable[[Answer], None]) -> None:
        def tell(answer: Answer) -> None:
            say(answer)
            self._note(answer.status, began)

        try:
            self._receiver.hand_over(hook, raw, headers, tell)  # type: ignore[union-attr]
        except Exception as error:  # noqa: BLE001 (`failed` logs it)
            tell(procore.failed(error))

    async def _deliver(self, key: str, scope: dict[str, Any], receive: Any, send: Any) -> None:
        began = time.perf_counter()
        headers = _joined(scope["headers"])
        status = 0  # what ended without an answer
        try:
            admitted = await self._receiver.admit(key, headers, self._peer(scope, headers))  # type: ignore[union-attr]
            if isinstance(admitted, Answer):
                answer = admitted
            else:
                body = await _body(receive, procore.MAX_BODY)
                answer = await self._receiver.keep(admitted, body, headers)  # type: ignore[union-attr]
            await _say(send, answer)
            status = answer.status
        finally:
            self._note(status, began)

    def _note(self, status: int, began: float) -> None:
        if self._measured is not None:
            self._measured.note("webhooks", f"{status:03}", time.perf_counter() - began)

    async def _hand_over(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """To the WSGI application, with a body that is here already."""
        body = await _body(receive, MAX_BODY)
        if body is None:
            await _say(send, Answer(413, f"the body is larger than {MAX_BODY} bytes", (CLOSE,)))
            return
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Any:
            return waiting.pop() if waiting else await receive()

        # A name with an underscore would become the same variable as one with a hyphen.
        headers = [(name, value) for name, value in scope["headers"] if b"_" not in name]
        query = quote_from_bytes(scope["query_string"], safe=PRINTABLE).encode()
        await self._rest({**scope, "headers": headers, "query_string": query}, replay, send)  # type: ignore[arg-type]

    def _peer(self, scope: dict[str, Any], headers: dict[bytes, bytes]) -> str:
        told = headers.get(b"x-forwarded-for", b"").rpartition(b",")[2].strip() if self._behind_proxy else b""
        return told.decode("latin-1") or (scope["client"] or ("",))[0]


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by name in small letters; one that came several times is a list."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        found[name] = b"%b, %b" % (found[name], value) if name in found else value
    return found


async def _body(receive: Any, most: int) -> bytes | None:
    """The whole body, None when it has more than `most` bytes. Raises: _GoneError."""
    parts: list[bytes] = []
    left = most
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise _GoneError
        part: bytes = message.get("body", b"")
        left -= len(part)
        if left < 0:
            return None
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


async def _say(send: Any, answer: Answer) -> None:
    headers, body = answer.written()
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
