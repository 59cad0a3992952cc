"""Every night, and by command: what is older than `TIEBACK_RETENTION_DAYS` goes, and what must stay stays (`store/purging`)."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from automations.parts import Automation
from config.logs import about
from connectors import drafts
from store import purging, timers
from store.leases import Held
from store.purging import DAY_S, Batch, Horizon, Stage
from store.session import reading, retrying, writing
from workers.desk import Desk

log = logging.getLogger("tieback.purge")

KIND, SUBJECT = "purge", "site"
AT_NIGHT = dt.time(2, 40)  # by the clock of the machine
BREATH_S = 0.02


class _DryError(Exception):
    """Rolls a batch back that was only to be counted."""


def nightly(desk: Desk, _subject: str, held: Held) -> None:
    """The timer's work. Raises: LostLease, between two batches."""
    with writing(desk.engine) as db:
        timers.arm(db, KIND, SUBJECT, in_s=until_night_s(dt.datetime.now().astimezone()))
    days, longest = desk.settings.retention_days, longest_throttle_s(desk.loaded.automations)
    gone = purge(desk.engine, desk.settings.files_root, days, longest, go_on=lambda: desk.keeper.still_mine(held))
    log.info("purge.done", extra=about(days=days, **gone))


def until_night_s(here: dt.datetime) -> float:
    """Seconds until the next night, at least an hour from now."""
    night = here.replace(hour=AT_NIGHT.hour, minute=AT_NIGHT.minute, second=0, microsecond=0)
    wait_s = (night - here).total_seconds() % DAY_S
    return wait_s if wait_s > 3600 else wait_s + DAY_S


def longest_throttle_s(automations: Iterable[Automation]) -> float:
    """Within this time a rule counts its runs."""
    return max((one.flow.throttle.rate.per for one in automations if one.flow.throttle is not None), default=0.0)


def purge(
    engine: Engine, files: Path, days: float, longest_s: float, *, dry: bool = False, go_on: Callable[[], None] = lambda: None
) -> Counter[str]:
    """How much of each kind was taken away, or with `dry` would be. `go_on` is asked before each batch, and may raise."""
    with reading(engine) as db:
        until = purging.horizon(db, days * DAY_S, longest_s)
    gone: Counter[str] = Counter()
    for stage in purging.STAGES:
        after: int | None = 0
        while after is not None:
            go_on()
            after = _batch(engine, stage, until, after, gone, dry)
            time.sleep(BREATH_S)  # whoever waits for the database comes first
    gone["files"] = drafts.sweep_below(files, dry=dry) if files.is_dir() else 0
    return gone


def _batch(engine: Engine, stage: Stage, until: Horizon, after: int, gone: Counter[str], dry: bool) -> int | None:
    try:
        found = _done(engine, stage, until, after, dry)
    except IntegrityError as error:  # somebody began to lean on one of these in this very moment: the next night decides
        log.warning("purge.left", extra=about(error=error.orig))
        return None
    gone.update(found.gone)
    return found.last


@retrying
def _done(engine: Engine, stage: Stage, until: Horizon, after: int, dry: bool) -> Batch:
    kept: list[Batch] = []
    try:
        with writing(engine) as db:
            kept.append(stage(db, until, after, purging.AT_ONCE))
            if dry:
                raise _DryError
    except _DryError:
        pass
    return kept[0]
