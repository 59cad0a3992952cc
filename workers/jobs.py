"""Every actor, a few lines each: they take ids, and what they do is in the module they name.

An id that is not ours to do (done, held, not due, foreign) is dropped silently: the broker is not trusted
with more than that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import dramatiq

from config.errors import LostLease
from config.logs import about
from workers import chores, execute, fetch, importing, operations, sorting
from workers.broker import queue
from workers.desk import Desk

log = logging.getLogger("tieback.jobs")

ACTORS: dict[str, Callable[[Desk, int], None]] = {
    "sort": sorting.sort,
    "fetch": fetch.fetch,
    "run": execute.run,
    "timer": chores.run,
    "import": importing.run,
    "operation": operations.run,
}


def register(broker: dramatiq.Broker, desk: Desk) -> None:
    """Bind the actors to this broker; nothing is bound at import."""
    for name, job in ACTORS.items():
        dramatiq.actor(actor_name=name, queue_name=queue("webhook"), broker=broker)(_each(name, job, desk))


def _each(name: str, job: Callable[[Desk, int], None], desk: Desk) -> Callable[[Any], None]:
    def work(ids: Any) -> None:
        for id in ids if isinstance(ids, list) else []:
            if isinstance(id, int) and not isinstance(id, bool):
                one(name, job, desk, id)

    return work


def one(name: str, job: Callable[[Desk, int], None], desk: Desk, id: int) -> None:
    """One piece of work; whatever goes wrong in it must not stop the next one, and the relay brings it again."""
    try:
        with desk.load.working():
            job(desk, id)
    except LostLease as error:
        log.info("lease.lost", extra=about(actor=name, id=id, error=error))
    except Exception:
        log.exception("job.failed", extra=about(actor=name, id=id))
