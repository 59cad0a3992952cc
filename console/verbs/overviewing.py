"""The first screen: how the whole is, how old the oldest work is, when Procore last spoke, what the last day and week did."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

from connectors.quota_state import LANES
from console.verbs import spending, standing, working
from console.verbs.at_hand import AtHand
from store import board, connectors, pauses
from store.session import reading

Dict = dict[str, Any]
Counts = list[tuple[int, str, int]]
# name: (seconds back, seconds of a bar)
# A page that renews itself must not count a week's runs each time. What has ended stays ended, so only the two newest bars
# are counted anew; the others once an hour, since a run that failed may be tried again.
KEPT_S = 3600.0
MOST_KEPT = 200
_kept: dict[tuple[str, int, frozenset[str] | None], tuple[float, Counts]] = {}
PLOTS = {"24 hours": (86_400, 1_800), "7 days": (604_800, 14_400)}


def overview(here: AtHand) -> Dict:
    with reading(here.engine) as db:
        now = board.clock(db)
        known = [row for row in connectors.every(db) if here.sees(row.name)]
        last = board.last_deliveries(db, [row.name for row in known])
        unsorted, since = board.unsorted(db)
        lanes = board.lanes(db)
        paused = {row.lane: dict(row._mapping) for row in pauses.every(db)}
        found = {
            "now": now,
            "verdict": standing.verdict(here),
            "unsorted": {"count": unsorted, "oldest": since},
            "lanes": [lane(name, lanes.get(name), paused.get(name)) for name in LANES],
            "workers": working.seen(db),
            "events": board.events_lately(db, 86_400, here.only),
            "plots": {name: _plot(db, here, now, *span) for name, span in PLOTS.items()},
        }
    quota: dict[str, list[Dict]] = {}
    for row in spending.windows(here):
        quota.setdefault(row["connector"], []).append(row)
    return {**found, "connectors": [_connector(row, last.get(row.name), quota.get(row.name, [])) for row in known]}


def lane(name: str, work: Dict | None, pause: Dict | None, limit: Dict | None = None) -> Dict:
    work = work or {"waiting": {}, "running": {}, "due": 0, "oldest": None}
    totals = {"waiting": sum(work["waiting"].values()), "running": sum(work["running"].values())}
    return {"lane": name, **totals, "due": work["due"], "oldest": work["oldest"], "kinds": work, "pause": pause, "limit": limit}


def _connector(row: Any, last: dt.datetime | None, quota: list[Dict]) -> Dict:
    verdict = row.verdict or {}
    return {
        "name": row.name,
        "state": row.state,
        "reason": row.reason,
        "environment": row.config.get("environment"),
        "company_id": row.config.get("company_id"),
        "valid": verdict.get("ok"),
        "validated_at": verdict.get("at"),
        "last_delivery_at": last,
        "quota": quota,
    }


def _plot(db: Any, here: AtHand, now: dt.datetime, since_s: int, bucket_s: int) -> Dict:
    """Bars of equal width up to now: how many runs ended well and how many did not."""
    end = int(now.timestamp()) // bucket_s * bucket_s + bucket_s
    starts = range(end - since_s, end, bucket_s)
    bars: dict[int, Dict] = {
        start: {"start": dt.datetime.fromtimestamp(start, dt.UTC), "good": 0, "bad": 0, "other": 0} for start in starts
    }
    for start, state, count in _counted(db, here, now, since_s, bucket_s):
        if start in bars:
            bars[start]["good" if state == "ok" else "bad" if state in ("failed", "parked") else "other"] += count
    marks = [(moment, name) for moment, name in board.changes(db, since_s)] if here.only is None else []
    return {"bars": list(bars.values()), "bucket_s": bucket_s, "marks": marks, "from": end - since_s, "to": end}


def _counted(db: Any, here: AtHand, now: dt.datetime, since_s: int, bucket_s: int) -> Counts:
    key = (str(here.engine.url), since_s, here.only)
    until, counts = _kept.get(key, (0.0, []))
    if time.monotonic() >= until:
        counts = board.finished(db, since_s, bucket_s, here.only)
        if len(_kept) > MOST_KEPT:
            _kept.clear()
        _kept[key] = (time.monotonic() + KEPT_S, counts)
        return counts
    edge = int(now.timestamp()) // bucket_s * bucket_s - bucket_s
    lately = board.finished(db, now.timestamp() - edge, bucket_s, here.only)
    return [one for one in counts if one[0] < edge] + [one for one in lately if one[0] >= edge]
