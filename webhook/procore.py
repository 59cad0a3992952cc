"""The path of a delivery: who is it, is it small enough, keep it, answer.

Once the secret has matched, only three answers are not 204: 413 for more than 1 MiB, 415 for a
Content-Encoding, 503 when it cannot be stored. Any other refusal would make Procore stop the hook
and, after 12 hours, throw its queue away. Source: Procore documentation, webhooks, delivery and retries.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from config import failpoints
from config.logs import about
from config.settings import Settings
from store.deliveries import Arrival
from store.hooks import OpenHook
from store.session import explain
from webhook.alarm import Seldom, shown
from webhook.body import judge
from webhook.committer import Committer, NotKeptError
from webhook.hooks import HookTable

log = logging.getLogger("tieback.door")

MAX_BODY = 1024 * 1024
RETRY_AFTER_S = 5

Headers = dict[bytes, bytes]


@dataclass(frozen=True)
class Answer:
    """What the sender is told. A 204 has neither text nor headers."""

    status: int
    text: str = ""
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def written(self) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """All headers, and the body."""
        if self.status == 204:
            return [*self.headers], b""
        body = self.text.encode() + b"\n"
        described = ((b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body)))
        return [*described, *self.headers], body


_KEPT = Answer(204)
CLOSE = (b"connection", b"close")


class Receiver:
    """Answers Procore. `admit` before the body is read, `keep` with it; headers are given by name in small letters."""

    def __init__(self, hooks: HookTable, committer: Committer, settings: Settings):
        self._hooks = hooks
        self._committer = committer
        self._settings = settings
        self._refused = Seldom()
        self._failed = Seldom()

    async def admit(self, key: str, headers: Headers, peer: str) -> OpenHook | Answer:
        """The hook whose secret came with the request, or why its body is not read."""
        hook = await self._hooks.admit(key, headers.get(b"authorization", b"").decode("latin-1"))
        if hook is None:
            return self._turn_away(key, peer) if self._hooks.loaded else self._not_now("the hooks could not be read yet")
        if not _plain(headers):
            return Answer(415, "send the body without Content-Encoding")
        return hook

    def recognised(self, key: str, headers: Headers) -> OpenHook | None:
        """What `admit` would say, when it is known at once and no refusal."""
        hook = self._hooks.at_hand(key, headers.get(b"authorization", b"").decode("latin-1"))
        return hook if hook is not None and _plain(headers) else None

    async def keep(self, hook: OpenHook, raw: bytes | None, headers: Headers) -> Answer:
        """Answer when the delivery is durable; a body of None was too large."""
        if raw is None:
            return Answer(413, f"the body is larger than {MAX_BODY} bytes", (CLOSE,))
        told: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.hand_over(hook, raw, headers, lambda answer: None if told.done() else told.set_result(answer))
        return await told

    def hand_over(self, hook: OpenHook, raw: bytes, headers: Headers, tell: Callable[[Answer], None]) -> None:
        """`tell` is called with the answer when the delivery is durable or cannot be kept; the first call counts."""

        def stored(error: NotKeptError | None) -> None:
            try:
                answer = self._answer(arrival, error)
            except Exception as failure:  # noqa: BLE001 (`failed` logs it)
                answer = failed(failure)
            tell(answer)

        arrival = judge(hook, raw, headers.get(b"content-type", b"").decode("latin-1"), dt.datetime.now(dt.UTC))
        self._committer.keep(arrival, stored)

    def _answer(self, arrival: Arrival, error: NotKeptError | None) -> Answer:
        if error is not None:
            cause = error.__cause__
            return self._not_now(explain(cause, self._settings) if isinstance(cause, Exception) else str(error))
        level = logging.WARNING if arrival.state == "quarantined" else logging.DEBUG
        if log.isEnabledFor(level):
            told = about(
                connector=arrival.connector, hook=arrival.hook_key[:6], key=arrival.delivery_key, bytes=len(arrival.raw),
                reason=arrival.reason,
            )  # fmt: skip
            log.log(level, f"delivery.{arrival.state}", extra=told)
        failpoints.hit("door.before_reply")
        return _KEPT

    def _turn_away(self, key: str, peer: str) -> Answer:
        if count := self._refused.due():
            log.warning("door.refused", extra=about(times=count, key_begins=shown(key, 6), peer=peer))
        return Answer(401, "unauthorized", ((b"www-authenticate", b"Secret"),))

    def _not_now(self, cause: str) -> Answer:
        if count := self._failed.due():
            log.error("door.cannot_store", extra=about(times=count, error=cause))
        return Answer(503, "cannot store it now", ((b"retry-after", b"%d" % RETRY_AFTER_S),))


def failed(error: Exception) -> Answer:
    """For an error of our own: a number, under which the log tells the rest."""
    request_id = secrets.token_hex(6)
    log.error("door.failed", extra=about(request=request_id), exc_info=error)
    return Answer(500, f"internal error, request {request_id}")


def _plain(headers: Headers) -> bool:
    return headers.get(b"content-encoding", b"identity").strip().lower() in (b"identity", b"")
