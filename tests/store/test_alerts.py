"""Alerts as rows: one per trouble, opened when it lasted, ended when it stays away."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import Engine, text, update

from store import alerts
from store.models import Alert
from store.session import reading, writing
from store.types import now


def rows(engine: Engine) -> list[dict[str, Any]]:
    with reading(engine) as db:
        found = db.execute(text("SELECT kind, subject, message, state, times FROM tieback_alerts ORDER BY id"))
        return [dict(row._mapping) for row in found]


def seen(engine: Engine, **more: Any) -> bool:
    with writing(engine) as db:
        return alerts.raise_(db, "disk", "var", "it is full", **more)


def gone(engine: Engine, settle_s: float = 0.0) -> list[str]:
    with writing(engine) as db:
        return alerts.over(db, "disk", (), settle_s)


def age(engine: Engine, seconds: float) -> None:
    """Whatever happened to alerts happened so much earlier."""
    with writing(engine) as db:
        for row in db.execute(Alert.__table__.select().add_columns(now().label("here"))).all():
            moved = {
                name: now((getattr(row, name) - row.here).total_seconds() - seconds)
                for name in ("since", "over_at", "resolved_at")
                if getattr(row, name) is not None
            }
            db.execute(update(Alert).where(Alert.id == row.id).values(**moved))


def test_the_same_trouble_is_one_alert_with_the_newest_words(engine: Engine) -> None:
    assert seen(engine)
    with writing(engine) as db:
        assert not alerts.raise_(db, "disk", "var", "it is fuller")
    assert [(row["message"], row["state"]) for row in rows(engine)] == [("it is fuller", "open")]


def test_a_trouble_that_must_last_is_no_alert_before(engine: Engine) -> None:
    assert not seen(engine, after_s=60.0)
    with reading(engine) as db:
        assert alerts.every(db, state=None) == []
    age(engine, 61)
    assert seen(engine, after_s=60.0)
    assert rows(engine)[0]["state"] == "open"


def test_a_trouble_that_passed_before_it_lasted_leaves_nothing(engine: Engine) -> None:
    seen(engine, after_s=60.0)
    assert gone(engine) == []
    assert rows(engine) == []


def test_what_comes_back_before_it_settled_is_the_same_alert(engine: Engine) -> None:
    seen(engine)
    assert gone(engine, 300.0) == []
    age(engine, 200)
    assert not seen(engine)  # no news
    assert gone(engine, 300.0) == []
    age(engine, 301)
    assert gone(engine, 300.0) == []  # it came back once: now it must be away twice as long
    age(engine, 301)
    assert gone(engine, 300.0) == ["var"]
    assert [(row["state"], row["times"]) for row in rows(engine)] == [("resolved", 1)]


def test_what_returns_within_the_hour_remembers_how_often_it_came_back(engine: Engine) -> None:
    seen(engine)
    gone(engine)
    assert seen(engine)
    assert [row["times"] for row in rows(engine)] == [0, 1]
    age(engine, 4000)
    gone(engine)
    age(engine, 4000)
    assert seen(engine)
    assert rows(engine)[-1]["times"] == 0  # an hour without it: a new story


def test_what_is_still_seen_is_not_ended_with_the_others(engine: Engine) -> None:
    seen(engine)
    with writing(engine) as db:
        alerts.raise_(db, "disk", "files", "full too")
        alerts.raise_(db, "queue", "var", "another kind")
        assert alerts.over(db, "disk", {"files"}, 0.0) == ["var"]
    assert [row["state"] for row in rows(engine)] == ["resolved", "open", "open"]


@pytest.mark.parametrize("after_s", [0.0, 60.0])
def test_two_that_see_it_at_once_make_one_alert(engine: Engine, after_s: float) -> None:
    barrier, news = threading.Barrier(4), []

    def look() -> None:
        barrier.wait()
        news.append(seen(engine, after_s=after_s))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(rows(engine)) == 1
    assert sum(news) == (1 if after_s == 0 else 0)


def test_only_an_open_alert_can_be_acknowledged(engine: Engine) -> None:
    seen(engine)
    with writing(engine) as db:
        (row,) = alerts.every(db)
        assert alerts.ack(db, row.id, "ana", "on it")
    gone(engine)
    with writing(engine) as db:
        assert not alerts.ack(db, row.id, "ana", None)
