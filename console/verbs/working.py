"""The processes that do the work: how busy each is, and letting one run empty."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from config.errors import ConfigError
from console.verbs.at_hand import AtHand, NotThere
from store import audit, beats, drains
from store.session import reading, writing

Dict = dict[str, Any]
ROLE = "worker"


def seen(db: Connection) -> list[Dict]:
    """Every process that gave a sign of life within a day.

    Of workers also: `slots` and how many are `busy`, `usage` (per cent of the slots for each 3 s of the last five minutes),
    `drain` (who lets it run empty, and why) and `state`: working, emptying, empty or silent.
    """
    wanted = drains.every(db)
    return [_process(row, wanted.get(row["holder"])) for row in beats.alive(db)]


def _process(row: Dict, drain: Dict | None) -> Dict:
    about = row["about"] or {}
    alive = row["age_s"] <= beats.ALIVE_S
    found = {
        "name": row["holder"].partition(":")[2],
        "holder": row["holder"],
        "role": row["role"],
        "beat_at": row["beat_at"],
        "alive": alive,
        "memory_bytes": about.get("memory_bytes") or None,
    }
    found |= {"slots": about.get("slots", 0), "busy": about.get("busy", 0), "usage": about.get("usage", []),
              "place": about.get("place"), "drain": drain}  # fmt: skip
    emptied = drain is not None and about.get("drained") and not found["busy"]
    return {**found, "state": "silent" if not alive else "empty" if emptied else "emptying" if drain else "working"}


def processes(here: AtHand) -> list[Dict]:
    with reading(here.engine) as db:
        return seen(db)


def workers(here: AtHand) -> list[Dict]:
    return [one for one in processes(here) if one["role"] == ROLE]


def drain(here: AtHand, name: str, reason: str, *, ends: bool = False) -> Dict:
    """A worker takes nothing new and finishes what it has, within seconds. With `ends` its process ends once it is empty.

    Returns the worker as it was. Raises: NotThere; ConfigError without a reason, or for one whose process is more than it.
    """
    if not reason.strip():
        raise ConfigError("reason: say why; whoever finds the worker idle must know whether they may resume it.")
    with writing(here.engine) as db:
        one = _of(db, name)
        if ends and one["place"] != ROLE:
            raise ConfigError(
                f"{one['name']} is one process with the door, the console and the relay (tieback up): it cannot end alone. "
                "Let it run empty without that, then stop it."
            )
        drains.put(db, one["holder"], reason.strip()[:500], here.actor, ends=ends)
        audit.note(db, here.actor, "worker drained", one["name"], {"reason": reason.strip()[:500], "ends": ends})
    return one


def resume(here: AtHand, name: str) -> Dict:
    """It takes work again. Raises: NotThere; ConfigError when nobody has drained it."""
    with writing(here.engine) as db:
        one = _of(db, name)
        if not drains.take_away(db, one["holder"]):
            raise ConfigError(f"the worker {one['name']} is not drained.")
        audit.note(db, here.actor, "worker resumed", one["name"])
    return one


def _of(db: Connection, name: str) -> Dict:
    """By its whole name, or by the end of it that no other living worker has."""
    known = [one for one in seen(db) if one["role"] == ROLE and one["alive"]]
    found = [one for one in known if name in (one["name"], one["holder"])]
    found = found or [one for one in known if name and one["name"].endswith(name)]
    if len(found) == 1:
        return found[0]
    which = ", ".join(one["name"] for one in found or known) or "none gives a sign of life"
    seen_as = f'"{name[:80]}" is the end of {len(found)} names' if found else f'there is no living worker "{name[:80]}"'
    raise NotThere(f"{seen_as}. Workers: {which}")
