"""Holding a lane of work back, with a reason and an end, or how much of it runs at once.

`switching` holds one automation or every change outside, `connected` a connector, `working` a worker.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection

from config.errors import ConfigError
from config.problems import did_you_mean
from connectors.quota_state import LANES
from console.verbs import overviewing
from console.verbs.at_hand import AtHand, NotThere
from store import audit, board, connectors, pauses, timers
from store.session import reading, writing
from workers import resuming

Dict = dict[str, Any]
LONGEST_H = 24 * 14
MOST_AT_ONCE = 1000


def lanes(here: AtHand) -> list[Dict]:
    """Every lane with what waits in it, what runs, its pause and its limit; of one that is drained also what is `left`."""
    with reading(here.engine) as db:
        found, limits = board.lanes(db), pauses.limits(db)
        paused = {row.lane: dict(row._mapping) for row in pauses.every(db)}
        for lane, pause in paused.items():
            if pause["kind"] == "drain":
                pause["left"] = pauses.left_to_drain(db, lane)
        return [overviewing.lane(name, found.get(name), paused.get(name), limits.get(name)) for name in LANES]


def pause_lane(here: AtHand, lane: str, reason: str, for_s: float | None) -> None:
    """Nothing of this lane is taken until it is resumed, or for so many seconds; what is being done ends.

    Raises: ConfigError for an unknown lane, no reason, or a time that does not fit.
    """
    _hold(here, lane, reason, for_s, "pause", "lane paused")


def drain_lane(here: AtHand, lane: str, reason: str, for_s: float | None) -> None:
    """What is in the lane now is still done; what comes from now on waits until it is resumed. Raises: as `pause_lane`."""
    _hold(here, lane, reason, for_s, "drain", "lane drained")


def _hold(here: AtHand, lane: str, reason: str, for_s: float | None, kind: str, verb: str) -> None:
    _lane(lane)
    why = said_why(reason, "the lane")
    for_s = within(for_s)
    with writing(here.engine) as db:
        until = None if for_s is None else board.clock(db) + dt.timedelta(seconds=for_s)
        pauses.put(db, lane, why, here.actor, until, kind)
        audit.note(db, here.actor, verb, lane, {"reason": why, "until": until.isoformat() if until else None})


def what_holds(here: AtHand, lane: str, connector: str) -> list[str]:
    """Why work of this lane and connector is not taken now, a sentence each; nothing when nobody holds it."""
    with reading(here.engine) as db:
        held = [f"The lane {row.lane} is paused by {row.by}: {row.reason}" for row in pauses.every(db) if row.lane == lane]
        row = connectors.get(db, connector) if connector else None
    if row is not None and row.state == "paused":
        held.append(f"The connector {connector} is paused" + (f": {row.reason}" if row.reason else ""))
    return held


def said_why(reason: str, what: str, how: str = "paused") -> str:
    """The reason as it is kept. Raises: ConfigError when there is none."""
    if not reason.strip():
        raise ConfigError(f"reason: say why; whoever finds {what} {how} must know whether they may end that.")
    return reason.strip()[:500]


def within(for_s: float | None) -> float | None:
    """How long a pause lasts, in seconds; None: until somebody resumes it. Raises: ConfigError for a time that does not fit."""
    if for_s is not None and not 0 < for_s <= LONGEST_H * 3600:
        raise ConfigError(f"a pause ends by itself after up to {LONGEST_H} hours, or by hand. Give a shorter time, or none.")
    return for_s


def by_whom(db: Connection, what: resuming.What, name: str) -> Dict | None:
    """Who paused an automation or a connector, when, why, and until when: by, at, reason, until. None when nobody knows."""
    last = audit.last(db, f"{what} paused", name)
    if last is None:
        return None
    until = timers.due_at(db, resuming.KIND, resuming.subject(what, name))
    return {"by": last.actor, "at": last.at, "reason": (last.detail or {}).get("reason"), "until": until}


def limit_lane(here: AtHand, lane: str, most: int | None, reason: str) -> None:
    """At most so many runs and imports of this lane at once, in all processes, from the next claim on. None: no limit.

    What is being done ends. Raises: ConfigError for an unknown lane, no reason, or a number that does not fit.
    """
    _lane(lane)
    if most is None:
        with writing(here.engine) as db:
            if not pauses.unlimit(db, lane):
                raise ConfigError(f"the lane {lane} has no limit.")
            audit.note(db, here.actor, "lane unlimited", lane)
        return
    if not 1 <= most <= MOST_AT_ONCE:
        raise ConfigError(f"most: {most} does not fit. Write 1 to {MOST_AT_ONCE}; to stop a lane, pause it.")
    if not reason.strip():
        raise ConfigError("reason: say why; whoever wonders at a slow lane must know whether they may lift the limit.")
    with writing(here.engine) as db:
        pauses.limit(db, lane, most, reason.strip()[:500], here.actor)
        audit.note(db, here.actor, "lane limited", lane, {"most": most, "reason": reason.strip()[:500]})


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
