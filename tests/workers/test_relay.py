"""The relay rings again for what nobody took, takes back what the dead held, and one trouble does not stop the rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert, text, update
from sqlalchemy.exc import OperationalError

from config import failpoints
from config.settings import Settings
from store import beats, deliveries, leases
from store.deliveries import Arrival
from store.models import Fetch, Import, Operation, Run, Timer
from store.session import reading, writing
from store.types import now
from tests.store import samples
from tests.workers.rig import Bell, Rig
from workers.relay import MOST_RINGS, Relay


@pytest.fixture
def rig(engine: Engine, settings: Settings) -> Iterator[Rig]:
    one = Rig(engine, settings)
    yield one
    one.close()


def test_everything_that_is_due_is_rung_for(rig: Rig) -> None:
    with writing(rig.engine) as db:
        event = samples.event(db)
        run, fetch = samples.run(db, event), samples.fetch(db, event)
        db.execute(insert(Timer).values(kind="x", subject="y", run_after=now(-1)))
        asked = {"requested_by": "ana", "run_after": now(-1)}
        db.execute(insert(Import).values(connector="acme", resources=["RFIs"], mode="full", **asked))
        db.execute(insert(Operation).values(kind="retry", what={}, **asked))
    rig.deliver({"id": "a"})
    rig.bell.rung.clear()
    rig.relay.look()
    every = {("fetch", fetch), ("run", run), ("sort", 1), ("timer", 1), ("import", 1), ("operation", 1)}
    assert (set(rig.bell.rung), len(rig.bell.rung)) == (every, len(every))


def test_what_was_rung_for_lately_is_left_alone(engine: Engine, rig: Rig) -> None:
    with writing(engine) as db:
        samples.run(db, samples.event(db))
    patient = Relay(engine, rig.bell, "r", every_s=0.0, again_s=60.0)
    for _ in range(3):
        patient.look()
    assert len(rig.bell.rung) == 1


def test_while_many_rings_wait_to_be_heard_nobody_is_rung_again_and_the_dead_still_give_back(engine: Engine, rig: Rig) -> None:
    waiting = [500]
    relay = Relay(engine, rig.bell, "r", every_s=0.0, again_s=0.0, backlog=lambda: waiting[0])
    with writing(engine) as db:
        event = samples.event(db)
        run, held = samples.run(db, event), samples.fetch(db, event)
        assert leases.claim(db, Fetch, held, "dead")
    rig.skip_ahead()
    rig.deliver({"id": "a"})
    rig.bell.rung.clear()
    for _ in range(3):
        relay.look()
    assert rig.bell.rung == []
    assert rig.rows("SELECT state FROM tieback_fetches") == [{"state": "waiting"}]
    waiting[0] = 499
    relay.look()
    assert sorted(rig.bell.rung) == [("fetch", held), ("run", run), ("sort", 1)]


def test_a_holder_that_died_between_claim_and_anything_gives_its_work_back(rig: Rig) -> None:
    with writing(rig.engine) as db:
        id = samples.run(db, samples.event(db))
        assert leases.claim(db, Run, id, "dead")
    rig.relay.look()
    assert rig.bell.rung == []
    rig.skip_ahead()
    rig.relay.look()
    assert rig.bell.rung == [("run", id)]


def test_trouble_with_one_kind_of_work_does_not_stop_the_others(rig: Rig) -> None:
    with writing(rig.engine) as db:
        event = samples.event(db)
        run = samples.run(db, event)
        samples.fetch(db, event)
        db.execute(insert(Timer).values(kind="x", subject="y", run_after=now(-1)))

    class Deaf(Bell):
        def ring(self, actor, ids, lane="webhook") -> None:
            if actor == "fetch":
                raise RuntimeError("this one cannot be rung")
            super().ring(actor, ids, lane)

    bell = Deaf()
    Relay(rig.engine, bell, "r", every_s=0.0, again_s=0.0).look()
    assert bell.rung == [("run", run), ("timer", 1)]


def test_two_relays_at_once_ring_once(rig: Rig) -> None:
    with writing(rig.engine) as db:
        event = samples.event(db)
        for n in range(20):
            samples.run(db, event, f"rule{n}")
    relays = [Relay(rig.engine, rig.bell, "r", every_s=0.0, again_s=60.0) for _ in range(4)]
    threads = [threading.Thread(target=one.look) for one in relays]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rig.bell.rung) == len(set(rig.bell.rung)) == 20


# SQLite locks the whole database: there is no row to be locked alone.
@pytest.mark.parametrize("settings", [pytest.param("postgresql", marks=pytest.mark.services)], indirect=True)
def test_a_row_that_is_being_written_does_not_hold_up_the_reaper(rig: Rig) -> None:
    with writing(rig.engine) as db:
        event = samples.event(db)
        ids = [samples.run(db, event, name) for name in ("a", "b")]
        held = [leases.claim(db, Run, id, "w") for id in ids]
        db.execute(update(Run).values(lease_until=now(-1)))
    with writing(rig.engine) as db:
        assert held[0] is not None
        leases.renew(db, held[0])
        rig.relay.look()
        assert rig.bell.rung == [("run", ids[1])]


@pytest.mark.parametrize("settings", [pytest.param("postgresql", marks=pytest.mark.services)], indirect=True)
def test_a_read_that_is_being_written_does_not_hold_up_the_reaper(rig: Rig) -> None:
    with writing(rig.engine) as db:
        event = samples.event(db)
        ids = [samples.fetch(db, event, record) for record in "12"]
        db.execute(update(Fetch).values(run_after=now(-1)))
        held = [leases.claim(db, Fetch, id, "w") for id in ids]
        db.execute(update(Fetch).values(lease_until=now(-1)))
    with writing(rig.engine) as db:
        assert held[0] is not None
        leases.renew(db, held[0])
        rig.relay.look()
        assert rig.bell.rung == [("fetch", ids[1])]


@pytest.mark.parametrize("settings", [pytest.param("postgresql", marks=pytest.mark.services)], indirect=True)
def test_work_that_is_just_being_taken_does_not_hold_up_the_rings_for_the_rest(rig: Rig) -> None:
    with writing(rig.engine) as db:
        event = samples.event(db)
        ids = [samples.run(db, event, name) for name in ("a", "b")]
    with writing(rig.engine) as db:
        assert leases.claim(db, Run, ids[0], "w")
        rig.relay.look()
        assert rig.bell.rung == [("run", ids[1])]


def test_no_error_ends_the_relay_and_its_beat_goes_with_it(engine: Engine, rig: Rig) -> None:
    calls: list[int] = []

    def breaks() -> None:
        calls.append(1)
        raise RuntimeError("a chore that breaks")

    relay = Relay(engine, rig.bell, "r", every_s=0.01, again_s=1.0)
    relay.also(0.0, breaks)
    stop = threading.Event()
    thread = threading.Thread(target=relay.run, args=(stop,))
    thread.start()
    deadline = time.monotonic() + 20
    while (len(calls) < 3 or not _alive(engine)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert _alive(engine) == ["relay:r"]
    stop.set()
    thread.join()
    assert len(calls) >= 3
    assert _alive(engine) == []


def _alive(engine: Engine) -> list[str]:
    with reading(engine) as db:
        return [one["holder"] for one in beats.alive(db)]


def test_a_fetch_is_no_longer_due_once_it_failed(rig: Rig) -> None:
    with writing(rig.engine) as db:
        samples.fetch(db, samples.event(db))
        db.execute(update(Fetch).values(state="failed", run_after=None))
        assert db.scalar(text("SELECT count(*) FROM tieback_fetches WHERE state = 'failed'")) == 1
    rig.relay.look()
    assert rig.bell.rung == []


def test_deliveries_that_were_rung_for_lately_or_came_just_now_are_left_alone(engine: Engine, rig: Rig) -> None:
    rig.deliver({"id": "a"})
    rig.bell.rung.clear()
    Relay(engine, rig.bell, "r", every_s=60.0, again_s=0.0).look()
    assert rig.bell.rung == []
    patient = Relay(engine, rig.bell, "r", every_s=0.0, again_s=60.0)
    for _ in range(3):
        patient.look()
    assert rig.bell.rung == [("sort", 1)]


def test_work_that_became_due_just_now_is_left_to_whoever_made_it_due(engine: Engine, rig: Rig) -> None:
    with writing(engine) as db:
        samples.run(db, samples.event(db))
    Relay(engine, rig.bell, "r", every_s=60.0, again_s=0.0).look()
    assert rig.bell.rung == []


class Calls(Bell):
    """Remembers each call as it was made."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, list[int], str]] = []

    def ring(self, actor: str, ids: Iterable[int], lane: str = "webhook") -> None:
        self.calls.append((actor, list(ids), lane))


def test_all_deliveries_are_rung_for_in_one_call_and_nobody_is_rung_for_none(engine: Engine, rig: Rig) -> None:
    ids = [rig.deliver({"id": name})[0] for name in "abc"]
    bell = Calls()
    relay = Relay(engine, bell, "r", every_s=0.0, again_s=60.0)
    relay.look()
    relay.look()
    assert bell.calls == [("sort", ids, "webhook")]


def test_a_pass_rings_for_no_more_than_a_broker_takes_in(engine: Engine, rig: Rig) -> None:
    over = MOST_RINGS + 7
    deliveries.keep(engine, [Arrival("acme", "k", f"{n:04d}", b"{}", "application/json") for n in range(over)])
    with writing(engine) as db:
        db.execute(insert(Timer), [{"kind": "x", "subject": str(n)} for n in range(over)])
        db.execute(update(Timer).values(run_after=now(-1)))
    bell = Calls()
    Relay(engine, bell, "r", every_s=0.0, again_s=60.0).look()
    assert [(actor, len(ids)) for actor, ids, _ in bell.calls if actor == "sort"] == [("sort", 500)]
    assert sum(actor == "timer" for actor, _, _ in bell.calls) == 500


def test_work_of_each_kind_is_rung_for_by_its_name_and_in_its_lane(engine: Engine, rig: Rig) -> None:
    with writing(engine) as db:
        run = samples.run(db, samples.event(db), lane="schedule")
        db.execute(insert(Operation).values(kind="retry", what={}, requested_by="ana", lane="manual", run_after=now(-1)))
    bell = Calls()
    Relay(engine, bell, "r", every_s=0.0, again_s=60.0).look()
    assert bell.calls == [("run", [run], "schedule"), ("operation", [1], "manual")]


def a_row(engine: Engine, work: Any) -> None:
    with writing(engine) as db:
        event_id = samples.event(db)
        if work is Run:
            samples.run(db, event_id)
        elif work is Fetch:
            samples.fetch(db, event_id)
        elif work is Timer:
            db.execute(insert(Timer).values(kind="x", subject="y"))
        elif work is Import:
            db.execute(insert(Import).values(connector="acme", resources=["RFIs"], mode="full", requested_by="ana"))
        else:
            db.execute(insert(Operation).values(kind="retry", what={}, requested_by="ana"))
        db.execute(update(work).values(state="running", lease_until=now(-1), lost=leases.LOST_LIMIT))


@pytest.mark.parametrize(
    "work, state", [(Run, "parked"), (Fetch, "failed"), (Timer, "failed"), (Import, "failed"), (Operation, "failed")]
)
def test_what_ends_its_worker_too_often_is_put_aside_in_the_state_of_its_kind(
    engine: Engine, rig: Rig, caplog: pytest.LogCaptureFixture, work: Any, state: str
) -> None:
    a_row(engine, work)
    rig.relay.look()
    assert [row["state"] for row in rig.rows(f"SELECT state FROM {work.__tablename__}")] == [state]
    assert rig.bell.rung == []
    (line,) = [one for one in caplog.records if one.getMessage() == "lease.expired"]
    assert line.tieback == {"work": work.__tablename__, "count": 1}  # type: ignore[attr-defined]


def test_where_nothing_was_taken_back_nothing_of_it_is_in_the_log(
    engine: Engine, rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    with writing(engine) as db:
        samples.run(db, samples.event(db))
    rig.relay.look()
    assert len(rig.bell.rung) == 1
    assert caplog.records == []


@pytest.mark.parametrize("statement", ["UPDATE tieback_runs", "UPDATE tieback_deliveries"])
def test_a_database_that_was_locked_for_a_moment_costs_no_pass(engine: Engine, rig: Rig, statement: str) -> None:
    with writing(engine) as db:
        samples.run(db, samples.event(db))
    rig.deliver({"id": "a"})
    rig.bell.rung.clear()
    left = [1]

    @event.listens_for(engine, "before_cursor_execute")
    def lock(_db: Any, _cursor: Any, said: str, *rest: Any) -> None:
        if said.startswith(statement) and left:
            left.pop()
            raise OperationalError(said, None, RuntimeError("database is locked"))

    rig.relay.look()
    assert sorted(rig.bell.rung) == [("run", 1), ("sort", 1)]


def test_a_relay_that_breaks_off_after_it_rang_for_deliveries_has_rung(
    engine: Engine, rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.deliver({"id": "a"})
    rig.bell.rung.clear()
    with writing(engine) as db:
        run = samples.run(db, samples.event(db))
    failpoints.arm("relay.rung:raise", testing=True)
    try:
        rig.relay.look()
    finally:
        failpoints.arm("", testing=False)
    assert rig.bell.rung == [("sort", 1), ("run", run)]
    assert [one.getMessage() for one in caplog.records] == ["relay.failed"]
