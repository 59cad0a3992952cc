"""`POST /inbound/<source>`: what another system has to say to rules with an `inbound` trigger. Kept before it is answered."""

from __future__ import annotations

import re
import secrets

from flask import Response, request
from sqlalchemy import Engine

from store import announcements
from store.session import reading, writing
from webhook.bearer import RefusedError, accepted, bad, json_body, token_name
from webhook.committer import Doorbell

SCOPE = "inbound"
MAX_BODY = 1024 * 1024
_SOURCE = re.compile(r"[a-z][a-z0-9_]{0,62}")
_KEY = re.compile(r"[\x21-\x7e]{1,100}")


class Inbound:
    def __init__(self, engine: Engine, doorbell: Doorbell):
        self._engine = engine
        self._doorbell = doorbell

    def receive(self, source: str) -> Response:
        """202 with `{"event_id"}`, or a problem that names the field.

        With the header `Idempotency-Key` a post may be repeated: the second one is answered with the first one's event.
        """
        try:
            token = token_name(self._engine, f"{SCOPE}:{source}", SCOPE)
            if not _SOURCE.fullmatch(source):
                raise bad("a source is lower-case letters, digits and _, beginning with a letter, at most 63", "source")
            key = _key()
            raw, body = json_body(MAX_BODY)
        except RefusedError as problem:
            return problem.response()
        with writing(self._engine) as db:
            kept = announcements.inbound(db, source, key, raw, body, f"token:{token}")
        if kept is not None:
            self._doorbell.ring("sort", [kept[0]])
            return accepted(kept[1])
        with reading(self._engine) as db:
            known = announcements.event_of(db, source, key)
        assert known is not None  # its row was there when ours was refused
        return accepted(known)


def _key() -> str:
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return secrets.token_hex(16)
    if not _KEY.fullmatch(given):
        raise bad("an Idempotency-Key is 1 to 100 visible ASCII characters", "Idempotency-Key")
    return given
