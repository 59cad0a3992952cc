"""When the broker does not answer, a worker takes due work straight from the database.

The relay's own look does it, with a bell that does the work instead of ringing for it. Slower than a
broker, and nothing waits for the broker to come back.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import dramatiq

from config.logs import about
from workers import jobs
from workers.broker import ping
from workers.desk import Desk
from workers.relay import Relay

log = logging.getLogger("tieback.fallback")

LOOK_S = 1.0
PATIENCE = 2  # looks at a silent broker before we step in


class _Hands:
    """A bell for one process: whoever is rung for is done here, by at most as many threads as the worker has."""

    def __init__(self, desk: Desk):
        self._desk = desk
        self._busy: set[tuple[str, int]] = set()
        self._pool = ThreadPoolExecutor(desk.settings.worker_threads, thread_name_prefix="fallback")

    def ring(self, actor: str, ids: Iterable[int], lane: str = "webhook") -> None:
        for id in ids:
            if (actor, id) not in self._busy:
                self._busy.add((actor, id))
                self._pool.submit(self._do, actor, id)

    def _do(self, actor: str, id: int) -> None:
        try:
            jobs.one(actor, jobs.ACTORS[actor], self._desk, id)
        finally:
            self._busy.discard((actor, id))

    def rest(self) -> None:
        self._pool.shutdown(wait=True)


def run(desk: Desk, broker: dramatiq.Broker, stop: threading.Event, drained: Callable[[], bool]) -> None:
    """Watch the broker until `stop`; work without it while it is silent, unless this process is `drained`."""
    silent = 0
    hands: _Hands | None = None
    while not stop.wait(LOOK_S):
        reason = ping(broker)
        silent = 0 if reason is None else silent + 1
        if hands is None and silent >= PATIENCE:
            log.error("broker.silent", extra=about(error=reason, instead="work is taken from the database"))
            hands = _Hands(desk)
        elif hands is not None and silent == 0:
            log.warning("broker.back")
            hands.rest()
            hands = None
        if hands is not None and not drained():
            _look(desk, hands)
    if hands is not None:
        hands.rest()


def _look(desk: Desk, hands: _Hands) -> None:
    try:
        # Whatever is due, rung for or not: the relay rings in vain meanwhile, and marks what it rang for.
        Relay(desk.engine, hands, desk.holder, every_s=0.0, again_s=0.0).look()
    except Exception:
        log.exception("fallback.failed")
