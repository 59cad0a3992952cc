"""What is left of each connector's rate limits, who may still use it, and what the last hour's calls were for."""

from __future__ import annotations

from typing import Any

from config.errors import ConfigError
from config.problems import did_you_mean
from connectors.quota import blocked
from connectors.quota_state import LANES, State, current
from console.verbs.at_hand import AtHand
from store import connectors, quota
from store.session import reading
from workers.quota import governor

Dict = dict[str, Any]


def windows(here: AtHand, connector: str | None = None) -> list[Dict]:
    """Two rows for each connector, the spike window and the hour. Times are in seconds from now.

    Raises: ConfigError when there is none of that name.
    """
    with reading(here.engine) as db:
        known = {row.name for row in connectors.every(db) if row.state != "removed"} | set(quota.connectors(db))
        names = sorted(name for name in known if here.sees(name))
        made = quota.calls_of_last_hour(db)
    if connector is not None and connector not in names:
        raise ConfigError(f'there is no connector "{connector}"{did_you_mean(connector, names) or "."}')
    shared = governor(here.engine, here.settings)
    found = []
    for name in names:
        if connector in (None, name):
            state, now = shared.state(name)
            calls = _by_lane([row for row in made if row.connector == name])
            found += _rows(name, current(state, now), now, calls)
    return found


def _rows(name: str, state: State, now: float, calls: dict[str, Dict]) -> list[Dict]:
    until, why = blocked(state, now)
    left, lanes = state.left(), {lane: state.usable(lane) for lane in LANES}
    shared = {
        "blocked_s": round(until - now, 1) if until > now else None,
        "why": why or None,
        "failures": state.circuit.failures,
        "under_way": state.under_way(),
        "calls_of_last_hour": calls,
    }
    spike: Dict = {
        "window": "spike",
        "length_s": state.spike.length_s,
        "limit": state.spike.limit,
        "known": state.spike.sure,
        "resets_s": _ahead(_spike_ends(state), now),
    }
    hour: Dict = {
        "window": "hour",
        "length_s": 3600.0,
        "limit": state.hour.limit,
        "known": state.hour.sure,
        "resets_s": _ahead(state.hour.until, now),
    }
    return [
        {
            "connector": name,
            **one,
            "left": max(0, left[one["window"]]),
            "may_use": {lane: lanes[lane][one["window"]] for lane in LANES},
            **shared,
        }
        for one in (spike, hour)
    ]


def _spike_ends(state: State) -> float:
    """When the whole spike window will be free, if nobody calls any more."""
    ends = [ended + state.spike.length_s for ended, _ in state.spent]
    return max([*ends, state.spike.until if state.spike.others else 0.0])


def _ahead(moment: float, now: float) -> float | None:
    return round(moment - now, 1) if moment > now else None


def _by_lane(rows: list[Any]) -> dict[str, Dict]:
    """{"webhook": {"200": 12, "404": 1}}; "-" is a lane that was not kept, or a call without an answer."""
    found: dict[str, Dict] = {}
    for row in rows:
        found.setdefault(row.lane or "-", {})[str(row.status or "-")] = row.calls
    return found
