"""A worker process's own place in the database: it says how it is, and hears whether a person lets it run empty."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import dramatiq
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from config.logs import about
from store import beats, drains
from store.session import retrying, writing
from workers.load import Load
from workers.relay import BEAT_S, memory_bytes

log = logging.getLogger("tieback.station")


class Station:
    """Beats every three seconds. `place` is the role of the process it is in: all, or worker.

    While it is drained its threads take no ring and finish what they hold; `end` is called once nothing is held and a
    person wanted the process gone.
    """

    def __init__(self, engine: Engine, holder: str, place: str, worker: dramatiq.Worker, load: Load, end: Callable[[], None]):
        self._engine = engine
        self._name = f"worker:{holder}"
        self._place = place
        self._worker = worker
        self._load = load
        self._end = end
        self._drained = threading.Event()

    @property
    def drained(self) -> bool:
        return self._drained.is_set()

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; then its sign of life is taken away."""
        while True:
            try:
                self.look()
            except Exception:
                log.exception("beat.failed")
            if stop.wait(BEAT_S):
                break
        with suppress(DBAPIError), writing(self._engine) as db:
            beats.gone(db, self._name)

    @retrying
    def look(self) -> None:
        """One beat, and what a person wants of this process."""
        with writing(self._engine) as db:
            wanted = drains.of(db, self._name)
            if (wanted is not None) != self.drained:
                self._obey(wanted)
            beats.beat(db, self._name, "worker", self._about())
        if wanted is not None and wanted.ends and self._load.busy == 0 and self._place == "worker":
            log.warning("worker.ends", extra=about(by=wanted.by, reason=wanted.reason))
            self._end()

    def _about(self) -> dict[str, Any]:
        load = self._load
        return {"memory_bytes": memory_bytes(), "place": self._place, "slots": load.slots, "busy": load.busy,
                "usage": load.sample(), "drained": self.drained}  # fmt: skip

    def _obey(self, wanted: Any | None) -> None:
        """Dramatiq's own `pause` would wait for every thread; what they hold may take long, and we have to go on beating."""
        if wanted:
            self._drained.set()
            log.warning("worker.drained", extra=about(by=wanted.by, reason=wanted.reason))
        else:
            self._drained.clear()
            log.warning("worker.resumed")
        for consumer in self._worker.consumers.values():
            (consumer.pause if wanted else consumer.resume)()
        for thread in self._worker.workers:
            (thread.pause if wanted else thread.resume)()
