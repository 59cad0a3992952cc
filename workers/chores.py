"""What timers do: keep hooks in order, validate connectors. A chore that fails is tried again at its next time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from config.errors import TiebackError
from config.logs import about
from store import timers
from store.session import writing
from workers import hooks
from workers.desk import Desk

log = logging.getLogger("tieback.chores")

CHORES: dict[str, Callable[[Desk, str], None]] = {"hooks": hooks.keep_in_order, "validate": hooks.run_validation}


def run(desk: Desk, timer_id: int) -> None:
    """Do what one timer is for; silently nothing when it is not due."""
    claimed_at = time.monotonic()
    with writing(desk.engine) as db:
        claimed = timers.claim(db, timer_id, desk.holder)
        desk.loaded.fresh(db)
    if claimed is None:
        return
    held, row = claimed
    error = None
    with desk.keeper.holding(held, claimed_at):
        try:
            CHORES[row.kind](desk, row.subject)
        except TiebackError as failed:
            error = str(failed)
            log.warning("chore.failed", extra=about(kind=row.kind, subject=row.subject, error=failed))
        with writing(desk.engine) as db:
            timers.done(db, held, row, error)
