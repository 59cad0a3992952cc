"""The path of a delivery: who is it, is it small enough, keep it, answer.

Once the secret has matched, only three answers are not 204: 413 for more than 1 MiB, 415 for a
Content-Encoding, 503 when it cannot be stored. Any other refusal would make Procore stop the hook
and, after 12 hours, throw its queue away. Source: Procore documentation, webhooks, delivery and retries.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass

from config import failpoints
from config.logs import about
from config.settings import Settings
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
        if headers.get(b"content-encoding", b"identity").strip().lower() not in (b"identity", b""):
            return Answer(415, "send the body without Content-Encoding")
        return hook

    async def keep(self, hook: OpenHook, raw: bytes | None, headers: Headers) -> Answer:
        """Answer when the delivery is durable; a body of None was too large."""
        if raw is None:
            return Answer(413, f"the body is larger than {MAX_BODY} bytes", (CLOSE,))
        arrival = judge(hook, raw, headers.get(b"content-type", b"").decode("latin-1"), dt.datetime.now(dt.UTC))
        try:
            await self._committer.keep(arrival)
        except NotKeptError as error:
            return self._not_now(
                explain(error.__cause__, self._settings) if isinstance(error.__cause__, Exception) else str(error)
            )
        level = logging.WARNING if arrival.state == "quarantined" else logging.DEBUG
        if log.isEnabledFor(level):
            told = about(
                connector=hook.connector, hook=hook.key[:6], key=arrival.delivery_key, bytes=len(raw), reason=arrival.reason
            )
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
