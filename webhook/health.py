"""`/healthz` and `/readyz`: one word each, for load balancers and service managers. Details are in the console."""

from __future__ import annotations

import logging
import threading
import time

from flask import Response
from sqlalchemy import Engine

from store import beats
from store.session import reading
from webhook.alarm import Seldom

log = logging.getLogger("tieback.door")

FRESH_S = 1.0


def answer(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return Response(text + "\n", status, headers, content_type="text/plain; charset=utf-8")


class Health:
    """Asks the database at most once a second, whoever asks, and one thread at a time."""

    def __init__(self, engine: Engine):
        self._engine = engine
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._ready = False
        self._failed = Seldom()

    def alive(self) -> Response:
        return answer(200, "ok")

    def readiness(self) -> Response:
        ready = self._look()
        return answer(200 if ready else 503, "ready" if ready else "unready")

    def _look(self) -> bool:
        # While one thread waits for a silent database, the others must not pile up behind it.
        if not self._lock.acquire(timeout=FRESH_S):
            return False
        try:
            if time.monotonic() - self._asked_at > FRESH_S:
                self._ready = self._ask()
                self._asked_at = time.monotonic()
            return self._ready
        finally:
            self._lock.release()

    def _ask(self) -> bool:
        try:
            with reading(self._engine) as db:
                return beats.not_ready(db) is None
        except Exception:
            if self._failed.due():
                log.exception("door.readiness_unknown")
            return False
