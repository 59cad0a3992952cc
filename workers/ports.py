"""What connectors ask for, kept in the database so that every process shares it."""

from __future__ import annotations

import datetime as dt
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine

from config.errors import Transient
from config.logs import hide
from config.secrets import Box
from connectors.ports import Call, Token
from store import calls
from store.session import reading, retrying, writing

FETCHING_S = 30.0


class StoreTokens:
    """Tokens sealed in the database; one process asks for a new one while the others wait for it."""

    def __init__(self, engine: Engine, box: Box):
        self._engine = engine
        self._box = box
        self._known: dict[str, Token] = {}

    def current(self, connector: str) -> Token | None:
        known = self._known.get(connector)
        if known is not None and known.expires_at > time.time():
            return known
        with reading(self._engine) as db:
            kept = calls.token(db, self._box, connector)
        if kept is None:
            return None
        token = Token(kept[0], kept[1].timestamp())
        self._known[connector] = token
        hide(token.value.reveal(), token.expires_at - time.time())
        return token

    @contextmanager
    def exclusively(self, connector: str) -> Iterator[None]:
        holder = uuid.uuid4().hex
        deadline = time.monotonic() + FETCHING_S
        while not self._lock(connector, holder):
            if time.monotonic() > deadline:
                raise Transient(f"{connector}: another process has been asking for a token for {FETCHING_S:.0f} s", kind="token")
            time.sleep(0.05)
        self._known.pop(connector, None)  # whoever held the lock before us may have renewed it
        try:
            yield
        finally:
            with writing(self._engine) as db:
                calls.unlock_token(db, connector, holder)

    @retrying
    def _lock(self, connector: str, holder: str) -> bool:
        with writing(self._engine) as db:
            return calls.lock_token(db, connector, holder, FETCHING_S)

    def keep(self, connector: str, token: Token) -> None:
        hide(token.value.reveal(), token.expires_at - time.time())
        with writing(self._engine) as db:
            calls.keep_token(db, self._box, connector, token.value, token.expires_at - time.time())
        self._known[connector] = token

    def forget(self, connector: str, token: Token) -> None:
        self._known.pop(connector, None)
        with writing(self._engine) as db:
            kept = calls.token(db, self._box, connector)
            if kept is not None and kept[0] == token.value:
                calls.forget_token(db, connector)


class CallLog(threading.local):
    """Calls of the work that this thread does, until they are committed together with its outcome."""

    def __init__(self) -> None:
        self.pending: list[dict[str, Any]] = []

    def record(self, connector: str, call: Call) -> None:
        self.pending.append({**vars(call), "connector": connector, "at": dt.datetime.now(dt.UTC)})

    def shown(self, **of: int) -> list[dict[str, Any]]:
        """The pending rows with `run_id` or `fetch_id` filled in. Stored, they are to be dropped with `take`: not before."""
        return [{"run_id": None, "fetch_id": None, **row, **of} for row in self.pending]

    def take(self, **of: int) -> list[dict[str, Any]]:
        """As `shown`, and they are no longer pending."""
        taken, self.pending = self.shown(**of), []
        return taken
