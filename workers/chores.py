"""What timers do: keep hooks in order, validate connectors. A chore that fails is tried again at its next time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from config.errors import LostLease, TiebackError
from config.logs import about
from store import calls, timers
from store.leases import Held
from store.session import writing
from workers import (
    alerting,
    comparing,
    digests,
    expecting,
    hooks,
    project_times,
    purging,
    repair,
    resuming,
    schedules,
    sweeps,
    validating,
    watching,
)
from workers.desk import Desk

log = logging.getLogger("tieback.chores")

CHORES: dict[str, Callable[[Desk, str], None]] = {
    "hooks": hooks.keep_in_order,
    "projects": project_times.look,
    "validate": validating.run_validation,
    "repair": repair.by_itself,
    "sweep": sweeps.by_itself,
    "ids": comparing.by_itself,
    "schedule": schedules.due,
    "schedules": schedules.sync_all,
    "watch": watching.look,
    "expect": expecting.look,
    "alerts": alerting.look,
    resuming.KIND: resuming.look,
}
# What must stop when its claim has passed to somebody else, in the middle of its work.
CLAIMED: dict[str, Callable[[Desk, str, Held], None]] = {
    "digest": digests.send,
    "tell": alerting.tell,
    purging.KIND: purging.nightly,
}


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
    desk.call_log.take()
    with desk.keeper.holding(held, claimed_at):
        try:
            if row.kind in CLAIMED:
                CLAIMED[row.kind](desk, row.subject, held)
            else:
                CHORES[row.kind](desk, row.subject)
        except LostLease:
            raise
        except TiebackError as failed:
            error = str(failed)
            log.warning("chore.failed", extra=about(kind=row.kind, subject=row.subject, error=failed))
        except Exception as failed:  # a chore that recurs must not end for good over a surprise
            error = f"{type(failed).__name__}: {failed}"[:500]
            log.exception("chore.broke", extra=about(kind=row.kind, subject=row.subject))
        with writing(desk.engine) as db:
            calls.log_calls(db, desk.call_log.take())
            timers.done(db, held, row, error)
