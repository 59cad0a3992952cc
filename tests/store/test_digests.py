"""Gathered messages: kept once, bundled by who gets them when, and taken by one digest."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import Engine, select

from store import digests, timers
from store.models import Timer
from store.session import reading, writing
from tests.store import samples


@pytest.fixture
def run_id(engine: Engine) -> int:
    with writing(engine) as db:
        return samples.run(db, samples.event(db))


def gathered(run_id: int, key: str, until: dt.datetime, **changes: Any) -> dict[str, Any]:
    message = {
        "title": "",
        "text": key,
        "link": "",
        "throttle": changes.pop("throttle", "p1"),
        "recipients": changes.pop("to", []),
    }
    row = {"effect_key": key, "run_id": run_id, "automation": "rule", "destination": "slack:ops", "until": until}
    return row | {"message": message} | changes


def soon(engine: Engine, seconds: float = 60.0) -> dt.datetime:
    with reading(engine) as db:
        return timers.clock(db) + dt.timedelta(seconds=seconds)


def armed(engine: Engine) -> list[Any]:
    with reading(engine) as db:
        return list(db.execute(select(Timer.subject, Timer.run_after).where(Timer.kind == "digest")))


def test_a_message_is_kept_once_and_sets_the_timer_of_its_window(engine: Engine, run_id: int) -> None:
    until = soon(engine)
    for _ in range(2):
        with writing(engine) as db:
            digests.keep(db, gathered(run_id, "k1", until))
    ((bundle, due),) = armed(engine)
    assert bundle.startswith("rule/slack:ops/")
    assert abs((due - until).total_seconds()) < 1
    with writing(engine) as db:
        assert [row.effect_key for row in digests.take(db, bundle)] == ["k1"]


def test_only_what_goes_to_the_same_people_is_one_bundle(engine: Engine, run_id: int) -> None:
    until = soon(engine)
    rows = [
        gathered(run_id, "a", until),
        gathered(run_id, "b", until, throttle="p2"),
        gathered(run_id, "c", until, destination="teams:pm"),
        gathered(run_id, "d", until, automation="other"),
        gathered(run_id, "e", until, to=["a@b.example"]),
    ]
    assert len({digests.bundle_of(row) for row in rows}) == len(rows)
    later = until + dt.timedelta(seconds=0.004)
    assert digests.bundle_of(gathered(run_id, "g", later)) == digests.bundle_of(rows[0])


def test_what_comes_after_a_digest_was_taken_waits_for_the_next(engine: Engine, run_id: int) -> None:
    until = soon(engine, -5)
    with writing(engine) as db:
        digests.keep(db, gathered(run_id, "k1", until))
        bundle = digests.bundle_of(gathered(run_id, "k1", until))
        first = digests.take(db, bundle)
        digests.keep(db, gathered(run_id, "k2", until))
        # A second try says what the first one said.
        assert [row.effect_key for row in digests.take(db, bundle)] == ["k1"]
        digests.sent(db, first[0].digest)
        second = digests.take(db, bundle)
        assert [row.effect_key for row in second] == ["k2"]
        assert second[0].digest != first[0].digest
        digests.sent(db, second[0].digest)
        assert digests.take(db, bundle) == []


def test_what_did_not_go_out_in_time_shows(engine: Engine, run_id: int) -> None:
    with writing(engine) as db:
        digests.keep(db, gathered(run_id, "k1", soon(engine, -600)))
        digests.keep(db, gathered(run_id, "k2", soon(engine, 600)))
        (late,) = digests.overdue(db, 60.0)
    assert (late["automation"], late["destination"], late["count"]) == ("rule", "slack:ops", 1)


def test_a_message_never_puts_off_what_waits_already_and_may_bring_it_forward(engine: Engine, run_id: int) -> None:
    first = soon(engine, 600)
    for key, until in (("a", first), ("b", first + dt.timedelta(hours=1))):
        with writing(engine) as db:
            digests.keep(db, gathered(run_id, key, until))
    assert abs((armed(engine)[0].run_after - first).total_seconds()) < 1
    with writing(engine) as db:
        digests.keep(db, gathered(run_id, "c", soon(engine, 5)))
    assert (armed(engine)[0].run_after - first).total_seconds() < -500


def test_a_digest_that_is_left_alone_holds_up_no_other(engine: Engine, run_id: int) -> None:
    until = soon(engine, -5)
    with writing(engine) as db:
        digests.keep(db, gathered(run_id, "k1", until))
        bundle = digests.bundle_of(gathered(run_id, "k1", until))
        first = digests.take(db, bundle)[0].digest
        digests.keep(db, gathered(run_id, "k2", until))
        (second,) = digests.take(db, bundle, [first])
        assert second.effect_key == "k2"
        assert digests.take(db, bundle, [first, second.digest]) == []
