"""The quota's row: whoever comes second learns that somebody was quicker."""

from __future__ import annotations

import datetime as dt
import time

from sqlalchemy import Engine

from store import calls, quota
from store.session import reading, writing


def test_the_first_state_is_put_once(engine: Engine) -> None:
    with writing(engine) as db:
        assert quota.get(db, "acme")[:2] == (None, 0)
        assert quota.put(db, "acme", {"left": 1}, 0)
        assert not quota.put(db, "acme", {"left": 2}, 0)
        assert quota.get(db, "acme")[:2] == ({"left": 1}, 1)


def test_a_state_that_somebody_changed_meanwhile_is_not_overwritten(engine: Engine) -> None:
    with writing(engine) as db:
        quota.put(db, "acme", {"left": 5}, 0)
    with reading(engine) as db:
        _, seen, _ = quota.get(db, "acme")
    with writing(engine) as db:
        assert quota.put(db, "acme", {"left": 4}, seen)
        assert not quota.put(db, "acme", {"left": 3}, seen)
        assert quota.get(db, "acme")[:2] == ({"left": 4}, seen + 1)
        assert quota.connectors(db) == ["acme"]


def test_the_time_is_the_databases(engine: Engine) -> None:
    with reading(engine) as db:
        assert abs(quota.get(db, "acme")[2] - time.time()) < 5


def test_the_last_hours_calls_are_counted_by_lane_and_status(engine: Engine) -> None:
    now = dt.datetime.now(dt.UTC)
    row = {"connector": "acme", "run_id": None, "fetch_id": None, "method": "GET", "path": "/x", "status": 200,
           "duration_ms": 5, "request_id": None, "quota_left": 7, "error": None, "at": now, "lane": "webhook"}  # fmt: skip
    old = {**row, "at": now - dt.timedelta(hours=2)}
    with writing(engine) as db:
        calls.log_calls(db, [row, row, {**row, "status": 404}, {**row, "lane": "backfill"}, old])
        found = {(one.connector, one.lane, one.status): one.calls for one in quota.calls_of_last_hour(db)}
    assert found == {("acme", "webhook", 200): 2, ("acme", "webhook", 404): 1, ("acme", "backfill", 200): 1}
