"""Whoever rings never waits and never fails, whatever the broker does."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker

from config.errors import ConfigError
from config.settings import load
from tests.conftest import KEY
from workers.broker import LANES, Doorbell, backlog, open_broker, ping, queue


def broker_at(url: str, folder: Path) -> dramatiq.Broker:
    env = {"TIEBACK_BROKER_URL": url, "TIEBACK_SECRET_KEYS": KEY, "TIEBACK_DATABASE_URL": "postgresql://x@127.0.0.1/x"}
    return open_broker(load(env, folder))


@contextmanager
def blackhole() -> Iterator[int]:
    """A port that accepts and never says a word."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(64)
        yield int(sock.getsockname()[1])


@pytest.fixture
def memory(tmp_path: Path) -> StubBroker:
    broker = open_broker(load({}, tmp_path))
    assert isinstance(broker, StubBroker)
    return broker


def messages(broker: StubBroker, lane: str = "webhook") -> list[Any]:
    waiting = broker.queues[queue(lane)]
    return [dramatiq.Message.decode(waiting.get_nowait()) for _ in range(waiting.qsize())]


def test_a_lane_has_a_queue_of_its_own(memory: StubBroker) -> None:
    bell = Doorbell(memory)
    for lane in LANES:
        bell.ring("run", [1], lane)
    bell.stop()
    assert [[message.args for message in messages(memory, lane)] for lane in LANES] == [[([1],)]] * 4


def test_sorting_is_rung_for_in_groups_and_runs_one_by_one(memory: StubBroker) -> None:
    bell = Doorbell(memory)
    bell.ring("sort", range(45))
    bell.ring("run", range(3))
    bell.stop()
    sizes = {"sort": [], "run": []}  # type: ignore[var-annotated]
    for message in messages(memory):
        sizes[message.actor_name].append(len(message.args[0]))
        assert message.options == {}  # no retries, no delays: those are rows
    assert sizes == {"sort": [20, 20, 5], "run": [1, 1, 1]}


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_swallows_everything_costs_the_caller_nothing(tmp_path: Path, scheme: str) -> None:
    with blackhole() as port:
        bell = Doorbell(broker_at(f"{scheme}://127.0.0.1:{port}/", tmp_path))
        began = time.monotonic()
        for n in range(1000):
            bell.ring("run", [n])
        assert time.monotonic() - began < 0.5
        bell.stop()


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_is_not_there_is_left_alone_for_a_while(tmp_path: Path, scheme: str) -> None:
    with blackhole() as port:
        pass
    bell = Doorbell(broker_at(f"{scheme}://127.0.0.1:{port}/", tmp_path))
    bell.ring("run", [1])
    deadline = time.monotonic() + 20
    while bell._resting_until == 0.0 and time.monotonic() < deadline:
        time.sleep(0.01)
    bell.ring("run", [2])  # while it rests this is dropped: the relay rings again
    assert bell._pending == {}
    bell.stop()


def test_what_waits_to_be_rung_is_bounded(memory: StubBroker) -> None:
    bell = Doorbell(memory)
    with bell._something:  # the thread that rings is held up
        for _ in range(20):
            bell.ring("run", range(1000))
        assert sum(map(len, bell._pending.values())) == 10_000
        bell._pending.clear()
    bell.stop()


def test_after_its_end_a_bell_is_silent(memory: StubBroker) -> None:
    bell = Doorbell(memory)
    bell.stop()
    bell.ring("run", [1])
    assert messages(memory) == []


def test_a_silent_broker_is_told_from_one_that_answers(tmp_path: Path, memory: StubBroker) -> None:
    assert ping(memory) is None
    with blackhole() as port:
        pass
    assert ping(broker_at(f"redis://127.0.0.1:{port}/0", tmp_path))


def test_a_url_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="TIEBACK_BROKER_URL"):
        broker_at("redis://host:notaport/x", tmp_path)


def test_the_rings_that_nobody_has_heard_are_counted_over_all_lanes(memory: StubBroker) -> None:
    assert backlog(memory) == 0
    _ring(memory)
    assert backlog(memory) == 7


@pytest.mark.services
@pytest.mark.parametrize("server", ["redis_server", "rabbitmq"])
def test_servers_count_them_as_well(tmp_path: Path, server: str, request: pytest.FixtureRequest) -> None:
    broker = broker_at(request.getfixturevalue(server).url, tmp_path)
    broker.flush_all()
    _ring(broker)
    deadline = time.monotonic() + 20
    while backlog(broker) != 7 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert backlog(broker) == 7
    broker.flush_all()
    _close(broker)


def _close(broker: Any) -> None:
    if hasattr(broker, "client"):
        broker.client.close()
    else:
        del broker.connection
    broker.close()


def test_a_broker_that_is_not_there_counts_as_empty_so_that_the_relay_goes_on(tmp_path: Path) -> None:
    assert backlog(broker_at("redis://127.0.0.1:1/0", tmp_path)) == 0


def _ring(broker: dramatiq.Broker) -> None:
    for lane, count in (("webhook", 4), ("backfill", 3)):
        for id in range(count):
            broker.enqueue(dramatiq.Message(queue_name=queue(lane), actor_name="run", args=([id],), kwargs={}, options={}))


def test_a_ring_from_a_process_whose_clock_is_an_hour_behind_is_heard(memory: StubBroker) -> None:
    """Its age by two clocks was taken for old, and nothing was worked on while the broker was well."""
    heard: list[int] = []

    @dramatiq.actor(broker=memory, queue_name=queue("webhook"))
    def listen(ids: list[int]) -> None:
        heard.extend(ids)

    message = listen.message([7])
    memory.enqueue(message.copy(message_timestamp=message.message_timestamp - 3_600_000))
    worker = dramatiq.Worker(memory, worker_threads=1, worker_timeout=50)
    worker.start()
    try:
        memory.join(queue("webhook"), timeout=10_000)
    finally:
        worker.stop()
    assert heard == [7]
