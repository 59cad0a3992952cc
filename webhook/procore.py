"""The path of a delivery: who is it, is it small enough, keep it, answer.

Once the secret has matched, only three answers are not 204: 413 for more than 1 MiB, 415 for a
Content-Encoding, 503 when it cannot be stored. Any other refusal would make Procore stop the hook
and, after 12 hours, throw its queue away. Source: Procore documentation, webhooks, delivery and retries.
"""

from __future__ import annotations

import datetime as dt
import logging

from flask import Response, request

from config import failpoints
from config.logs import about
from config.settings import Settings
from store.session import explain
from webhook.alarm import Seldom, shown
from webhook.body import judge
from webhook.committer import Committer, NotKeptError
from webhook.hooks import HookTable

log = logging.getLogger("tieback.door")

MAX_BODY = 1024 * 1024
RETRY_AFTER_S = 5


class Receiver:
    """Answers Procore."""

    def __init__(self, hooks: HookTable, committer: Committer, settings: Settings):
        self._hooks = hooks
        self._committer = committer
        self._settings = settings
        self._refused = Seldom()
        self._failed = Seldom()

    def receive(self, key: str) -> Response:
        """One POST to `/webhooks/<key>`."""
        hook = self._hooks.admit(key, request.headers.get("Authorization", ""))
        if hook is None:
            return self._turn_away(key) if self._hooks.loaded else self._not_now("the hooks could not be read yet")
        if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("identity", ""):
            return answer(415, "send the body without Content-Encoding")
        raw = read_body(MAX_BODY)
        if raw is None:
            return answer(413, f"the body is larger than {MAX_BODY} bytes")
        arrival = judge(hook, raw, request.headers.get("Content-Type", ""), dt.datetime.now(dt.UTC))
        try:
            self._committer.keep(arrival)
        except NotKeptError as error:
            return self._not_now(
                explain(error.__cause__, self._settings) if isinstance(error.__cause__, Exception) else str(error)
            )
        level = logging.WARNING if arrival.state == "quarantined" else logging.DEBUG
        log.log(level, f"delivery.{arrival.state}", extra=about(
            connector=hook.connector, hook=key[:6], key=arrival.delivery_key, bytes=len(raw), reason=arrival.reason))  # fmt: skip
        failpoints.hit("door.before_reply")
        return Response(status=204)

    def _turn_away(self, key: str) -> Response:
        if count := self._refused.due():
            log.warning("door.refused", extra=about(times=count, key_begins=shown(key, 6), peer=request.remote_addr))
        return answer(401, "unauthorized", {"WWW-Authenticate": "Secret"})

    def _not_now(self, cause: str) -> Response:
        if count := self._failed.due():
            log.error("door.cannot_store", extra=about(times=count, error=cause))
        return answer(503, "cannot store it now", {"Retry-After": str(RETRY_AFTER_S)})


def answer(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return Response(text + "\n", status, headers, content_type="text/plain; charset=utf-8")


def read_body(most: int) -> bytes | None:
    """The whole body, None when it has more than `most` bytes.

    Werkzeug's own limit cuts a chunked body short without a word, so it is not used: we read one byte more.
    """
    parts: list[bytes] = []
    left = most + 1
    while left and (part := request.stream.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts) if left else None
