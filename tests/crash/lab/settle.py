"""After the storm: faults stop, everything may come up, and we wait. Nothing is mended by hand, nothing is started again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

PATIENCE_S = 90.0
AT_MOST = 4  # times as long
_OPEN = {
    "deliveries": "SELECT count(*) FROM tieback_deliveries WHERE state = 'received'",
    "fetches": "SELECT count(*) FROM tieback_fetches WHERE state IN ('waiting', 'running')",
    "runs": "SELECT count(*) FROM tieback_runs WHERE state IN ('waiting', 'running')",
}


@contextmanager
def database(url: str) -> Iterator[Connection]:
    """A look from outside, past every proxy. A writer at its commit is waited for; what a dead one left is rolled back."""
    if url.startswith("sqlite:///"):
        url = f"sqlite:///file:{url.removeprefix('sqlite:///')}?mode=rw&uri=true&timeout=30"
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    try:
        with engine.connect() as db:
            yield db
    finally:
        engine.dispose()


def unfinished(url: str) -> dict[str, int]:
    with database(url) as db:
        found = {name: int(db.scalar(text(query)) or 0) for name, query in _OPEN.items()}
    return {name: count for name, count in found.items() if count}


def ended(url: str, runs: Collection[int]) -> bool:
    open_ = text("SELECT id FROM tieback_runs WHERE state IN ('waiting', 'running')")
    with database(url) as db:
        return not set(runs) & set(db.scalars(open_))


def settle(url: str, sent: Callable[[], bool], patience_s: float = PATIENCE_S) -> tuple[float | None, dict[str, int]]:
    """Seconds until everything was delivered and done; None, and what was still waiting, when that did not happen.

    Patience ends when for so long no less was waiting than before: a slow machine is not a stuck one.
    """
    began = lessened_at = time.monotonic()
    fewest = math.inf
    waiting: dict[str, int] = {}
    while (now := time.monotonic()) - lessened_at < patience_s and now - began < AT_MOST * patience_s:
        try:
            waiting = {} if sent() else {"unsent": 1}
            waiting |= unfinished(url)
            if not waiting:
                return time.monotonic() - began, {}
            if (left := sum(waiting.values())) < fewest:
                fewest, lessened_at = left, now
        except SQLAlchemyError:
            waiting = {"database": 1}  # it is coming up
        time.sleep(0.5)
    return None, waiting
