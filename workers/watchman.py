"""Alerts are told also when nobody does the work: a relay tells that there are no workers, a worker that there is no relay.

Each process looks whether the timers of alerts are late, and then does what they are for. Their leases see to it that
only one does.
"""

from __future__ import annotations

import logging
import threading

from store import notices, timers
from store.session import reading
from workers import chores
from workers.desk import Desk

log = logging.getLogger("tieback.alerts")

LOOK_S = 3.0
LATE_S = 6.0
KINDS = ("alerts", notices.KIND)


def run(desk: Desk, stop: threading.Event, look_s: float = LOOK_S) -> None:
    """Until `stop` is set."""
    while not stop.wait(look_s):
        try:
            look(desk, LATE_S)
        except Exception:
            log.exception("watchman.failed")


def look(desk: Desk, late_s: float) -> int:
    """Do what is late; how many timers that were."""
    with reading(desk.engine) as db:
        late = timers.late(db, KINDS, late_s)
    for id in late:
        chores.run(desk, id)
    return len(late)
