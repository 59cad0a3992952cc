"""Holding a lane of work back, with a reason and an end. `switching` holds one automation, or every change outside."""

from __future__ import annotations

import datetime as dt
from typing import Any

from config.errors import ConfigError
from config.problems import did_you_mean
from connectors.quota_state import LANES
from console.verbs import overviewing
from console.verbs.at_hand import AtHand, NotThere
from store import audit, beats, board, pauses
from store.session import reading, writing

Dict = dict[str, Any]
LONGEST_H = 24 * 14


def lanes(here: AtHand) -> list[Dict]:
    """Every lane with what waits in it, what runs, and its pause."""
    with reading(here.engine) as db:
        found, paused = board.lanes(db), {row.lane: dict(row._mapping) for row in pauses.every(db)}
        return [overviewing.lane(name, found.get(name), paused.get(name)) for name in LANES]


def processes(here: AtHand) -> list[Dict]:
    with reading(here.engine) as db:
        return [overviewing.worker(row) for row in beats.alive(db)]


def pause_lane(here: AtHand, lane: str, reason: str, hours: float | None) -> None:
    """Nothing of this lane is taken until it is resumed, or for so many hours; what is being done ends.

    Raises: ConfigError for an unknown lane, no reason, or a time that does not fit.
    """
    _lane(lane)
    if not reason.strip():
        raise ConfigError("say why: whoever finds the lane paused must know whether they may resume it.")
    if hours is not None and not 0 < hours <= LONGEST_H:
        raise ConfigError(f"the pause ends after 1 to {LONGEST_H} hours, or by hand. Write a number of hours, or leave it out.")
    with writing(here.engine) as db:
        until = None if hours is None else board.clock(db) + dt.timedelta(hours=hours)
        pauses.put(db, lane, reason.strip()[:500], here.actor, until)
        audit.note(
            db, here.actor, "lane paused", lane, {"reason": reason.strip()[:500], "until": until.isoformat() if until else None}
        )


def resume_lane(here: AtHand, lane: str) -> None:
    """Raises: ConfigError when there is no such lane, or it is not paused."""
    _lane(lane)
    with writing(here.engine) as db:
        if not pauses.take_away(db, lane):
            raise ConfigError(f"the lane {lane} is not paused.")
        audit.note(db, here.actor, "lane resumed", lane)


def _lane(lane: str) -> None:
    if lane not in LANES:
        raise NotThere(f'there is no lane "{lane[:40]}"{did_you_mean(lane, LANES) or "."} Lanes: {", ".join(LANES)}')
