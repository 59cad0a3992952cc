"""What a connector asks of its surroundings: tokens, a call log, quota. Each has a form in memory.

`workers/` fulfils the same interfaces with the database, so that all processes share them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from config.secrets import Secret
from connectors.governor import MemoryQuota as MemoryQuota
from connectors.quota import Answer


@dataclass(frozen=True)
class Token:
    """`expires_at`, in Unix seconds, is when we stop using it, which is some minutes before Procore does."""

    value: Secret
    expires_at: float


@dataclass(frozen=True)
class Call:
    """One finished HTTP call. Never a secret: `path` is without its query."""

    method: str
    path: str
    status: int | None
    duration_ms: int
    request_id: str | None
    quota_left: int | None
    error: str | None
    lane: str | None = None


class Tokens(Protocol):
    def current(self, connector: str) -> Token | None:
        """The token that is kept, however soon it ends; None when there is none."""

    def exclusively(self, connector: str) -> AbstractContextManager[None]:
        """Only one caller of a connector is inside, over all threads and processes."""

    def keep(self, connector: str, token: Token) -> None:
        """Every caller sees this token from now on."""

    def forget(self, connector: str, token: Token) -> None:
        """Drop this token; does nothing when another one is kept by now."""


class Calls(Protocol):
    def record(self, connector: str, call: Call) -> None: ...


class Quota(Protocol):
    def call(self, connector: str, lane: str) -> AbstractContextManager[Callable[[Answer], None]]:
        """Inside, one call may go out; its answer is handed to what is yielded. Waits for its turn.

        Raises: Transient(kind="quota") when that is far off.
        """


class MemoryTokens:
    """Tokens of one process."""

    def __init__(self) -> None:
        self._kept: dict[str, Token] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def current(self, connector: str) -> Token | None:
        return self._kept.get(connector)

    @contextmanager
    def exclusively(self, connector: str) -> Iterator[None]:
        with self._guard:
            lock = self._locks.setdefault(connector, threading.Lock())
        with lock:
            yield

    def keep(self, connector: str, token: Token) -> None:
        self._kept[connector] = token

    def forget(self, connector: str, token: Token) -> None:
        with self._guard:
            if self._kept.get(connector) == token:
                del self._kept[connector]


class MemoryCalls:
    """A call log in a list; `calls` holds (connector, Call)."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Call]] = []

    def record(self, connector: str, call: Call) -> None:
        self.calls.append((connector, call))
