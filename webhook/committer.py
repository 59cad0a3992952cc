"""One thread per process commits what is handed over, many deliveries in one transaction.

A commit costs one sync of the disk however many rows it holds; while one is under way the next group
gathers by itself. The answer is sent after the commit, the doorbell rings after the answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import Protocol

from sqlalchemy import Engine
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError, StatementError

from config import failpoints
from config.logs import about
from store import deliveries
from store.deliveries import Arrival

log = logging.getLogger("tieback.door")

PATIENCE_S = 4.0  # Procore waits 5 s for an answer
ROOM = 5000
GROUP = 200


Tell = Callable[["NotKeptError | None"], None]


class Doorbell(Protocol):
    """As `workers.broker.Doorbell`: never blocks, never raises."""

    def ring(self, actor: str, ids: list[int], lane: str = "webhook") -> None: ...


class NotKeptError(Exception):
    """The delivery could not be stored, or not in time; `__cause__` is the store's own error where there is one."""


class _Ticket:
    """An arrival on its way. `tell` is called once, in the loop that waits for it: with None when it is durable."""

    __slots__ = ("arrival", "error", "kept", "late", "loop", "plain", "tell", "told")

    def __init__(self, arrival: Arrival, tell: Tell, patience_s: float):
        self.arrival = arrival
        self.tell = tell
        self.kept = self.plain = self.told = False
        self.error: Exception | None = None
        self.loop = asyncio.get_running_loop()
        self.late = self.loop.call_later(patience_s, self.settle, f"the store did not answer within {patience_s:g} s")

    def settle(self, otherwise: str) -> None:
        """Tell whether it was kept, or `otherwise`; the first call counts."""
        if self.told:
            return
        self.told = True
        self.late.cancel()
        error = None if self.kept else NotKeptError(otherwise)
        if error is not None:
            error.__cause__ = self.error
        try:
            self.tell(error)
        except Exception:
            log.exception("door.untold")


class Committer:
    """Hand arrivals to `keep`; the thread starts with the first one and again after a fork."""

    def __init__(self, engine: Engine, doorbell: Doorbell, *, patience_s: float = PATIENCE_S, room: int = ROOM):
        self._engine = engine
        self._doorbell = doorbell
        self._patience_s = patience_s
        self._room = room
        self._afresh()
        _all.add(self)

    def _afresh(self) -> None:
        self._queue: SimpleQueue[_Ticket | None] = SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._busy_since: float | None = None

    def keep(self, arrival: Arrival, tell: Tell) -> None:
        """Make the arrival durable, and say so: `tell` is called once in the running loop, with None or with why it is not.

        It is called at once if the store has been silent for longer than anybody waits.
        """
        busy_since = self._busy_since
        if busy_since is not None and time.monotonic() - busy_since > self._patience_s:
            tell(NotKeptError("the store has not answered for some time"))
        elif self._queue.qsize() >= self._room:
            tell(NotKeptError(f"{self._room} deliveries wait to be stored already"))
        else:
            self._queue.put(_Ticket(arrival, tell, self._patience_s))
            self._ensure_thread()

    def stop(self) -> None:
        """Commit what waits and end the thread."""
        thread = self._thread
        if thread is not None and thread.is_alive():
            self._queue.put(None)
            thread.join(timeout=self._patience_s + 1)

    def _ensure_thread(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="committer", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            group = [first, *self._more()]
            self._busy_since = time.monotonic()
            try:
                self._store(group)
            except Exception:
                log.exception("door.committer_stumbled")
            finally:
                self._busy_since = None

    def _more(self) -> Iterable[_Ticket]:
        for _ in range(GROUP - 1):
            try:
                ticket = self._queue.get_nowait()
            except Empty:
                return
            if ticket is None:
                self._queue.put(None)  # stop after this group
                return
            yield ticket

    def _store(self, group: list[_Ticket]) -> None:
        wanted = [ticket for ticket in group if not ticket.told]
        ids: list[int] = []
        try:
            ids = self._commit(wanted) if wanted else []
        finally:
            for loop in {ticket.loop for ticket in group}:
                with contextlib.suppress(RuntimeError):  # a loop that was closed has nobody waiting
                    loop.call_soon_threadsafe(_settle, [ticket for ticket in group if ticket.loop is loop])
        if ids:
            self._doorbell.ring("sort", ids)

    def _commit(self, tickets: list[_Ticket]) -> list[int]:
        """Commit these together; on an error of one row, each by itself, so that it cannot fail its neighbours."""
        try:
            failpoints.hit("door.before_commit")
            ids = deliveries.keep(self._engine, [ticket.arrival for ticket in tickets])
            failpoints.hit("door.after_commit")
        except Exception as error:  # noqa: BLE001 (each handler is told, and says it)
            if _is_of_the_data(error):
                return self._commit_apart(tickets, error)
            for ticket in tickets:
                ticket.error = error
            return []
        for ticket in tickets:
            ticket.kept = True
        return ids

    def _commit_apart(self, tickets: list[_Ticket], error: Exception) -> list[int]:
        if len(tickets) > 1:
            return [id for ticket in tickets for id in self._commit([ticket])]
        (ticket,) = tickets
        if ticket.plain:
            ticket.error = error
            return []
        log.error("door.row_refused", extra=about(connector=ticket.arrival.connector, error=type(error).__name__))
        ticket.arrival, ticket.plain = _plain(ticket.arrival, error), True
        return self._commit([ticket])


def _settle(tickets: list[_Ticket]) -> None:
    """One call into the loop for a whole group: each costs a write to its pipe."""
    for ticket in tickets:
        ticket.settle("the store refused")


def _is_of_the_data(error: Exception) -> bool:
    """True when a row is to blame and not the store: a value that does not fit, or cannot be sent."""
    return (
        isinstance(error, (DataError, IntegrityError, ProgrammingError, ValueError, TypeError)) or type(error) is StatementError
    )


def _plain(arrival: Arrival, error: Exception) -> Arrival:
    """The same bytes with nothing beside them that a store could refuse."""
    sha = hashlib.sha256(arrival.raw).hexdigest()
    reason = f"the store refused the row ({type(error).__name__}); the bytes are kept as they came"
    return arrival._replace(delivery_key=f"q:{sha}", content_type="", state="quarantined", reason=reason)


_all: weakref.WeakSet[Committer] = weakref.WeakSet()


def _after_fork() -> None:
    for committer in list(_all):
        committer._afresh()


os.register_at_fork(after_in_child=_after_fork)
