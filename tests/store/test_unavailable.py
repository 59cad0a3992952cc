"""A place without access costs no calls until it is time to look again, and then one look."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, select, update

from store import unavailable
from store.models import Fetch, Run, Unavailable
from store.session import reading, writing
from store.types import now
from tests.store import samples

P = samples.PROJECT


def look(engine: Engine, project: str = P, resource: str = "RFIs") -> tuple[Any, bool]:
    with writing(engine) as db:
        return unavailable.look(db, "acme", project, resource)


def close(engine: Engine, project: str = P, resource: str = "RFIs") -> unavailable.Shut:
    with writing(engine) as db:
        return unavailable.close(db, "acme", project, resource, "the tool is off")


def pass_time(engine: Engine, seconds: float) -> None:
    with writing(engine) as db:
        for row in list(db.execute(select(Unavailable.__table__, now().label("here")))):
            ago, ahead = (row.here - row.since).total_seconds() + seconds, (row.until - row.here).total_seconds() - seconds
            db.execute(update(Unavailable).values(since=now(-ago), until=now(ahead)))


def test_what_is_open_is_open(engine: Engine) -> None:
    assert look(engine) == (None, False)


def test_a_closed_tool_closes_nothing_else_and_a_closed_project_all_of_itself(engine: Engine) -> None:
    close(engine)
    assert look(engine)[0].reason == "the tool is off"
    assert look(engine, resource="Submittals") == (None, False)
    assert look(engine, project="other") == (None, False)
    close(engine, resource="")
    assert look(engine, resource="Submittals")[0] is not None
    close(engine, project="", resource="")
    assert look(engine, project="other")[0] is not None


def test_when_it_is_time_exactly_one_looks(engine: Engine) -> None:
    close(engine)
    pass_time(engine, unavailable.SHORTEST_S + 1)
    assert look(engine) == (None, True)
    shut, _ = look(engine)
    assert 0 < shut.wait_s <= unavailable.PROBE_S


def test_the_longer_it_lasts_the_rarer_it_is_looked_at(engine: Engine) -> None:
    assert close(engine).wait_s == unavailable.SHORTEST_S
    pass_time(engine, 1000)
    assert 990 < close(engine).wait_s < 1100
    pass_time(engine, 100_000)
    assert close(engine).wait_s == unavailable.LONGEST_S


def test_the_runs_say_what_they_wait_for_and_go_on_when_there_is_access_again(engine: Engine) -> None:
    with writing(engine) as db:
        event = samples.event(db)
        ids = [samples.fetch(db, event, record) for record in "12"]
        samples.run(db, event, due=False, fetch_id=ids[1])
        db.execute(update(Fetch).values(run_after=now(-1)))
        shut = unavailable.close(db, "acme", P, "RFIs", "the tool is off")
        unavailable.put_off(db, list(db.execute(select(Fetch.__table__).limit(1))), shut)
    with reading(engine) as db:
        assert list(db.scalars(select(Fetch.run_after > now(200)))) == [True, True]
        assert db.scalar(select(Run.reason)) == "the tool is off"
    with writing(engine) as db:
        unavailable.open_again(db, "acme", P, "RFIs")
        assert list(db.scalars(select(Fetch.run_after <= now()))) == [True, True]
        assert unavailable.listed(db) == []
