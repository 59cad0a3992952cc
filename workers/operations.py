"""Doing an operation: claim it, work on it for a slice, let go. Whoever comes next goes on from the last commit.

A person who pauses or cancels it raises its fence, so that its worker stops at the next chunk or page.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from config.errors import LostLease, TiebackError
from config.logs import about
from store import leases, operations
from store.leases import Held
from store.session import reading, retrying, writing
from workers import backtest_work, bulk
from workers.desk import Desk

log = logging.getLogger("tieback.operation")

KINDS: dict[str, Callable[[Desk, Held], None]] = {**dict.fromkeys(bulk.VERBS, bulk.work), "backtest": backtest_work.work}


def run(desk: Desk, id: int) -> None:
    """A slice of an operation; silently nothing when it is not due or somebody holds it."""
    claimed_at = time.monotonic()
    held = _claim(desk, id)
    if held is None:
        return
    with reading(desk.engine) as db:
        row: Any = operations.get(db, id)
    with desk.keeper.holding(held, claimed_at):
        try:
            KINDS[row["kind"]](desk, held)
        except LostLease:
            raise
        except TiebackError as error:
            _fail(desk, held, str(error))
            log.warning("operation.failed", extra=about(id=id, kind=row["kind"], error=error))


@retrying
def _claim(desk: Desk, id: int) -> Held | None:
    with writing(desk.engine) as db:
        desk.loaded.fresh(db)
        return operations.claim(db, id, desk.holder)


@retrying
def _fail(desk: Desk, held: Held, reason: str) -> None:
    with writing(desk.engine) as db:
        leases.finish(db, held, "failed", reason=reason[:1000])
