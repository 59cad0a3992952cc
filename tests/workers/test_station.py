"""A worker that a person lets run empty: it finishes what it has, takes nothing new, and goes on or ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import dramatiq
import pytest
from sqlalchemy import Engine

from config.settings import load as load_settings
from store import beats, drains
from store.session import reading, writing
from workers.broker import open_broker, queue
from workers.load import Load
from workers.station import Station

NAME = "worker:w"


class Room:
    """Real threads at a real broker in memory; each message holds its thread until it is let go."""

    def __init__(self, engine: Engine, place: str = "worker"):
        self.engine, self.load = engine, Load(2)
        self.begun, self.go_on, self.ended = threading.Semaphore(0), threading.Semaphore(0), threading.Event()
        self.broker = open_broker(load_settings({}, None))
        self.actor = dramatiq.actor(actor_name="hold", queue_name=queue("webhook"), broker=self.broker)(self._hold)
        self.worker = dramatiq.Worker(self.broker, worker_threads=2, worker_timeout=10)
        self.worker.start()
        self.station = Station(engine, "w", place, self.worker, self.load, self.ended.set)

    def _hold(self) -> None:
        with self.load.working():
            self.begun.release()
            assert self.go_on.acquire(timeout=20)

    def about(self) -> dict[str, object]:
        self.station.look()
        with reading(self.engine) as db:
            (row,) = [row for row in beats.alive(db) if row["holder"] == NAME]
        about: dict[str, object] = row["about"]
        return about

    def close(self) -> None:
        self.go_on.release(10)
        self.station.run(_stopped())
        self.worker.stop(timeout=5000)
        self.broker.close()


def _stopped() -> threading.Event:
    stop = threading.Event()
    stop.set()
    return stop


@pytest.fixture
def room(engine: Engine) -> Iterator[Room]:
    one = Room(engine)
    yield one
    one.close()


def drained(engine: Engine, *, ends: bool = False) -> None:
    with writing(engine) as db:
        drains.put(db, NAME, "more memory", "ana", ends=ends)


def test_a_worker_says_how_many_of_its_threads_are_busy(room: Room) -> None:
    room.actor.send()
    assert room.begun.acquire(timeout=20)
    about = room.about()
    assert (about["slots"], about["busy"], about["drained"]) == (2, 1, False)
    assert int(str(about["memory_bytes"])) > 1_000_000


def test_a_drained_worker_finishes_what_it_has_takes_nothing_new_and_takes_it_when_resumed(room: Room, engine: Engine) -> None:
    # Given a worker that does one thing
    room.actor.send()
    assert room.begun.acquire(timeout=20)
    # When it is drained, and something new comes
    drained(engine)
    assert room.about()["drained"] is True
    for thread in room.worker.workers[:]:
        assert thread.paused
    room.go_on.release()
    wait_until(lambda: room.load.busy == 0)
    for thread in room.worker.workers:
        assert thread.paused_event.wait(20)
    room.actor.send()
    # Then nothing begins until it is resumed
    assert not room.begun.acquire(timeout=0.5)
    assert not room.ended.is_set()
    with writing(engine) as db:
        drains.take_away(db, NAME)
    assert room.about()["drained"] is False
    assert room.begun.acquire(timeout=20)


def test_one_that_is_to_end_ends_only_when_it_holds_nothing(room: Room, engine: Engine) -> None:
    room.actor.send()
    assert room.begun.acquire(timeout=20)
    drained(engine, ends=True)
    room.about()
    assert not room.ended.is_set()
    room.go_on.release()
    wait_until(lambda: room.load.busy == 0)
    room.about()
    assert room.ended.is_set()


def test_a_process_that_is_more_than_a_worker_does_not_end(engine: Engine) -> None:
    room = Room(engine, "all")
    drained(engine, ends=True)
    room.about()
    assert not room.ended.is_set()
    room.close()


def test_a_worker_that_stops_leaves_no_sign_of_life_behind(engine: Engine) -> None:
    room = Room(engine)
    room.about()
    room.close()
    with writing(engine) as db:
        assert beats.alive(db) == []
        drains.put(db, NAME, "x", "ana", ends=False)
        drains.forget_gone(db)
        assert drains.every(db) == {}


def wait_until(holds: object, most_s: float = 20) -> None:
    assert callable(holds)
    pause = threading.Event()
    for _ in range(int(most_s / 0.02)):
        if holds():
            return
        pause.wait(0.02)
    raise AssertionError("it did not come true")
