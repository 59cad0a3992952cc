"""What the door counts of itself: answers by kind, and how long deliveries waited for theirs.

The figures of all door processes add up in the database, where the console reads them: the public door shows none.
"""

from __future__ import annotations

import bisect
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Engine

from store import counters
from store.session import writing

log = logging.getLogger("tieback.door")

EVERY_S = 10.0
# Upper bounds in seconds; the last one is for whatever took longer than Procore waits.
BOUNDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
KINDS = ("webhooks", "config-events", "inbound", "healthz", "readyz")
# No rule can name a counter so: theirs have no colon.
ANSWERS, SECONDS, SUM = "door:answers", "door:seconds", "door:seconds_sum"

App = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Measured:
    """A WSGI application around another one. What is counted is written every ten seconds and at the end."""

    def __init__(self, app: App, engine: Engine, *, every_s: float = EVERY_S):
        self._app = app
        self._engine = engine
        self._every_s = every_s
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._seconds = 0.0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        began = time.perf_counter()
        seen = ["000"]  # what ended without an answer

        def started(status: str, *rest: Any) -> Any:
            seen[0] = status[:3]
            return start(status, *rest)

        try:
            return self._app(environ, started)
        finally:
            self.note(_kind(environ.get("PATH_INFO", "")), seen[0], time.perf_counter() - began)

    def note(self, kind: str, status: str, seconds: float) -> None:
        """One answer of a kind (`KINDS`, or `other`)."""
        with self._lock:
            self._counts[ANSWERS, kind, status] += 1
            if kind == "webhooks":
                self._counts[SECONDS, _bucket(seconds), ""] += 1
                self._seconds += seconds
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._work, name="door-figures", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while not self._stopping.wait(self._every_s):
            self.write()

    def write(self) -> None:
        """Add what was counted since the last time; kept for the next time when the store does not answer."""
        with self._lock:
            counts, seconds = self._counts, self._seconds
            self._counts, self._seconds = Counter(), 0.0
        if not counts:
            return
        try:
            with writing(self._engine) as db:
                for (name, first, second), count in sorted(counts.items()):
                    labels = {"kind": first, "status": second} if name == ANSWERS else {"le": first}
                    counters.add(db, name, labels, count)
                if seconds:
                    counters.add(db, SUM, {}, seconds)
        except Exception as error:  # noqa: BLE001 (figures must not cost a delivery; the door says by itself that it cannot store)
            log.debug("door.figures_not_kept", extra={"tieback": {"error": type(error).__name__}})
            with self._lock:
                self._counts.update(counts)
                self._seconds += seconds

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=self._every_s)
        self.write()


def _kind(path: str) -> str:
    first = path.split("/", 2)[1] if path.startswith("/") else ""
    return first if first in KINDS else "other"


def _bucket(seconds: float) -> str:
    place = bisect.bisect_left(BOUNDS, seconds)
    return f"{BOUNDS[place]:g}" if place < len(BOUNDS) else "+Inf"
