"""The relay rings again for what nobody took, takes back what the dead held, and one trouble does not stop the rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, insert, text, update

from config.settings import Settings
from store import beats, leases
from store.models import Fetch, Run, Timer
from store.session import reading, writing
from store.types import now
from tests.store import samples
from tests.workers.rig import Bell, Rig
from workers.relay import Relay


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
    rig.deliver({"id": "a"})
    rig.bell.rung.clear()
    rig.relay.look()
    assert sorted(rig.bell.rung) == [("fetch", fetch), ("run", run), ("sort", 1), ("timer", 1)]


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
