"""`tieback quota show` over a quota that some calls have used."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from config.settings import load
from connectors.governor import Governor
from connectors.quota import Answer
from store import calls
from store.session import open_engine, writing
from tests import stores
from tests.console.conftest import Tieback
from workers.quota import Chain, Rows


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Engine]:
    """What `tieback` finds in its default place."""
    engine = open_engine(load({}, tmp_path))
    stores.furnish(engine)
    yield engine
    engine.dispose()


def spend(store: Engine, *answers: Answer) -> None:
    quota = Governor(Chain([Rows(store)]))
    for answer in answers:
        with quota.call("acme", "webhook") as told:
            told(answer)


def test_both_windows_are_shown_with_what_each_lane_may_still_use(tieback: Tieback, store: Engine) -> None:
    spend(store, Answer(limit=600, remaining=60, reset_s=1200.0), Answer(limit=25, remaining=23, reset_s=9.0))
    spike, hour = tieback("quota", "show", "--json").json()
    assert (spike["window"], spike["limit"], spike["known"], spike["left"]) == ("spike", 25, True, 23)
    assert spike["may_use"] == {"webhook": 22, "manual": 21, "schedule": 19, "backfill": 16}
    assert (hour["limit"], hour["left"], hour["may_use"]["webhook"], hour["may_use"]["backfill"]) == (600, 59, 47, 0)
    assert 1190 < hour["resets_s"] <= 1200
    assert (hour["blocked_s"], hour["why"], hour["under_way"]) == (None, None, 0)


def test_a_guessed_limit_is_marked_and_a_pause_has_its_reason(tieback: Tieback, store: Engine) -> None:
    spend(store, Answer(limit=25, remaining=24, reset_s=9.0, pause_s=600.0, why="Procore answered 429 and asked for a pause"))
    said = tieback("quota", "show").out
    assert "600? per 3600 s" in said
    assert "25 per 10 s" in said
    assert "s: Procore answered 429 and asked for a pause" in said
    (row, _) = tieback("quota", "show", "acme", "--json").json()
    assert 590 < row["blocked_s"] <= 600


def test_the_last_hours_calls_are_shown_by_lane_and_status(tieback: Tieback, store: Engine) -> None:
    spend(store, Answer())
    row = {"connector": "acme", "run_id": None, "fetch_id": None, "method": "GET", "path": "/x", "status": 200, "duration_ms": 5,
           "request_id": None, "quota_left": 7, "error": None, "lane": "webhook", "at": dt.datetime.now(dt.UTC)}  # fmt: skip
    with writing(store) as db:
        calls.log_calls(db, [row, {**row, "status": 404}, {**row, "lane": None, "status": None}])
    assert "acme: calls of the last hour, webhook: 1 × 200, 1 × 404" in tieback("quota", "show").out
    (first, _) = tieback("quota", "show", "--json").json()
    assert first["calls_of_last_hour"] == {"webhook": {"200": 1, "404": 1}, "-": {"-": 1}}


def test_a_connector_that_is_not_there_is_said(tieback: Tieback, store: Engine) -> None:
    spend(store, Answer())
    said = tieback("quota", "show", "acne")
    assert (said.code, said.out) == (2, "")
    assert said.sentence() == 'tieback: there is no connector "acne"; did you mean "acme"?'
