"""Keeps the leases of this process alive, and tells whoever holds one when it must stop."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from config.errors import LostLease
from config.logs import about
from store import leases
from store.leases import LEASE_S, Held
from store.session import writing

log = logging.getLogger("tieback.keeper")

RENEW_S = 10.0
# A call that starts later than this before the lease ends could outlive it.
MARGIN_S = 5.0


def new_holder() -> str:
    """A name for this process that no other one has, on any machine, ever."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


class Keeper:
    """Renews what is held every ten seconds, from one thread. Its clock is monotonic and stricter than the database's."""

    def __init__(self, engine: Engine):
        self._engine = engine
        self._until: dict[Held, float] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="keeper", daemon=True)
        self._thread.start()

    @contextmanager
    def holding(self, held: Held, claimed_at: float) -> Iterator[None]:
        """Keep this claim alive inside the block. `claimed_at` is the monotonic time before the claim was asked for."""
        with self._lock:
            self._until[held] = claimed_at + LEASE_S
        try:
            yield
        finally:
            with self._lock:
                self._until.pop(held, None)

    def still_mine(self, held: Held) -> None:
        """Raises LostLease when the lease has passed on, or may soon have: after a freeze nothing more goes out."""
        with self._lock:
            until = self._until.get(held, 0.0)
        if time.monotonic() > until - MARGIN_S:
            raise LostLease(f"{held.work.__tablename__} {held.id}: the lease of fence {held.fence} ran out while we held it")

    def held_count(self) -> int:
        with self._lock:
            return len(self._until)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=RENEW_S)

    def _work(self) -> None:
        while not self._stop.wait(RENEW_S):
            with self._lock:
                held_now = list(self._until)
            for held in held_now:
                self._renew(held)

    def _renew(self, held: Held) -> None:
        started = time.monotonic()
        try:
            with writing(self._engine) as db:
                leases.renew(db, held, patient=False)  # one row that is locked must not cost the others their lease
        except LostLease:
            self._set(held, 0.0)
        except Exception as error:  # noqa: BLE001
            # Not renewed is not lost: the clock in `still_mine` decides.
            log.warning("lease.not_renewed", extra=about(id=held.id, error=str(error)[:200]))
        else:
            self._set(held, started + LEASE_S)

    def _set(self, held: Held, until: float) -> None:
        with self._lock:
            if held in self._until:
                self._until[held] = until
