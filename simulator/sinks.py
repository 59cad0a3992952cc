"""Sinks keep what anybody posts to them: stand-ins for the systems behind Procore."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from simulator.records import Json
from simulator.stamps import iso

MODES = ("apply", "apply_then_cut", "apply_then_500", "error_500", "slow", "refused_403", "conflict_409")
NOT_APPLIED = ("error_500", "refused_403")


class Sinks:
    """Named lists of requests. The same Idempotency-Key is applied once; it is answered alike, or with 409."""

    def __init__(self) -> None:
        self._kept: dict[str, list[Json]] = {}
        self._answers: dict[tuple[str, str], Json] = {}
        self._guard = threading.Lock()
        self._given = 0

    def keep(self, name: str, request: Json, body: bytes, key: str | None, *, apply: bool) -> tuple[Json, bool]:
        """Keep a request and return the answer for it, and whether it took effect."""
        with self._guard:
            before = self._answers.get((name, key)) if key else None
            self._given += 1
            applied = apply and before is None
            entry = {
                "id": self._given,
                "at": iso(time.time()),
                "applied": applied,
                **request,
                "body": _read(body),
            }
            self._kept.setdefault(name, []).append(entry)
            answer = before or {"id": self._given, "ok": True}
            if key and applied:
                self._answers[(name, key)] = answer
            return answer, applied

    def listed(self, name: str) -> list[Json]:
        with self._guard:
            return list(self._kept.get(name, []))

    def names(self) -> Json:
        with self._guard:
            return {name: len(entries) for name, entries in self._kept.items()}

    def forget(self, name: str | None = None) -> None:
        with self._guard:
            self._kept = {kept: entries for kept, entries in self._kept.items() if name not in (None, kept)}
            self._answers = {key: answer for key, answer in self._answers.items() if name not in (None, key[0])}


def _read(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body.decode("utf-8", "replace")
