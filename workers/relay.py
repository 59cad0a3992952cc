"""What makes losing every message harmless: rings again, takes work back from the dead, wakes what is due.

Several may run. Each pass first looks, cheaply and without writing; only when something is due it writes.
"""

from __future__ import annotations

import functools
import logging
import resource
import threading
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine

from config import failpoints
from config.logs import about
from store import beats, deliveries, drains, fetches, leases
from store.leases import Work
from store.models import Fetch, Import, Operation, Run, Timer
from store.session import reading, retrying, writing
from workers.broker import Bell

log = logging.getLogger("tieback.relay")

BEAT_S = 3.0
MOST_RINGS = 500
_ACTORS: tuple[tuple[Work, str], ...] = (
    (Fetch, "fetch"), (Run, "run"), (Timer, "timer"), (Import, "import"), (Operation, "operation"),
)  # fmt: skip


class Relay:
    """One look every `every_s`. A row is rung again after `again_s` without being taken.

    `backlog` tells how many rings wait to be heard. While they are many nobody is rung again: whoever waits is among them,
    and each ring for work that was done meanwhile costs a look at the database.
    """

    def __init__(
        self,
        engine: Engine,
        doorbell: Bell,
        holder: str,
        *,
        every_s: float,
        again_s: float,
        backlog: Callable[[], int] = lambda: 0,
    ):
        self._engine = engine
        self._doorbell = doorbell
        self._holder = holder
        self._every_s = every_s
        self._again_s = again_s
        self._backlog = backlog
        self._also: list[tuple[float, Callable[[], None]]] = []

    def also(self, every_s: float, chore: Callable[[], None]) -> None:
        """A chore to run in the same thread, such as looking for changed site files."""
        self._also.append((every_s, chore))

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set. No error ends it: the next pass may do better."""
        chores = [(BEAT_S, self._beat), (self._every_s, self.look), *self._also]
        left = [0.0] * len(chores)
        while not stop.wait(self._every_s):
            for number, (every_s, chore) in enumerate(chores):
                left[number] -= self._every_s
                if left[number] <= 0:
                    left[number] = every_s
                    self._safely(chore)
        self._safely(lambda: _forget(self._engine, self._holder))

    def _safely(self, chore: Callable[[], None]) -> None:
        try:
            chore()
        except Exception:
            log.exception("relay.failed")

    def look(self) -> None:
        """One pass over everything that may be due."""
        with reading(self._engine) as db:
            unsorted = deliveries.anything_waits(db)
            due = [what for what in _ACTORS if leases.anything_due(db, what[0])]
        if not (unsorted or due):
            return
        crowded = self._backlog() >= MOST_RINGS
        if unsorted and not crowded:
            self._safely(self._ring_deliveries)
        for work, actor in due:
            # One kind of work that cannot be looked after must not stop the others.
            self._safely(functools.partial(self._ring, work, actor, 0 if crowded else MOST_RINGS))

    @retrying
    def _ring_deliveries(self) -> None:
        with writing(self._engine) as db:
            ids = deliveries.to_ring(db, limit=MOST_RINGS, grace_s=self._every_s, again_after_s=self._again_s)
        if ids:
            self._doorbell.ring("sort", ids)
        failpoints.hit("relay.rung")

    @retrying
    def _ring(self, work: Work, actor: str, most: int) -> None:
        with writing(self._engine) as db:
            taken_back = fetches.reap(db) if work is Fetch else leases.reap(db, work)
            rows = leases.to_ring(db, work, limit=most, grace_s=self._every_s, again_after_s=self._again_s) if most else []
        if taken_back:
            log.warning("lease.expired", extra=about(work=work.__tablename__, count=taken_back))
        for id, lane in rows:
            self._doorbell.ring(actor, [id], lane)

    def _beat(self) -> None:
        """Say that this process lives."""
        with writing(self._engine) as db:
            beats.beat(db, f"relay:{self._holder}", "relay", {"memory_bytes": memory_bytes()})
            drains.forget_gone(db)


def memory_bytes() -> int:
    """What this process has in memory now; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return 0


def _forget(engine: Engine, holder: str) -> None:
    with writing(engine) as db:
        beats.gone(db, f"relay:{holder}")
