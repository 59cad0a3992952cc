"""R23: what lies in the broker names work by number and says nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config import settings


@pytest.mark.services
@pytest.mark.parametrize("kind", ["redis_server", "rabbitmq"])
def test_a_message_of_the_broker_carries_numbers_and_nothing_else(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    # Given a broker of its own, and rings of every kind on every lane
    from workers import broker, jobs

    url = request.getfixturevalue(kind).url
    given = settings.load({"TIEBACK_BROKER_URL": url, "TIEBACK_SITE": str(tmp_path)}, tmp_path)
    opened = broker.open_broker(given)
    bell = broker.Doorbell(opened)
    for actor in jobs.ACTORS:
        for lane in broker.LANES:
            bell.ring(actor, [17], lane)
    bell.stop()
    # When everything that lies in it is read, past Dramatiq
    found = (
        _lying_in_redis(url) if kind == "redis_server" else _lying_in_rabbitmq(url, [broker.queue(one) for one in broker.LANES])
    )
    opened.close()
    # Then each message names an actor and the ids, and no other value of ours
    assert len(found) >= len(broker.LANES)
    for message in found:
        assert message["kwargs"] == {}
        assert message["actor_name"] in jobs.ACTORS
        assert all(isinstance(id, int) for id in _flat(message["args"])), message["args"]
        assert set(message["options"]) <= {"redis_message_id", "eta"}


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for inner in value:
            yield from _flat(inner)
    else:
        yield value


def _lying_in_redis(url: str) -> list[dict[str, Any]]:
    import redis

    client = redis.Redis.from_url(url, protocol=2)
    return [json.loads(raw) for key in client.keys("tieback:*.msgs") for raw in client.hvals(key)]


def _lying_in_rabbitmq(url: str, queues: list[str]) -> list[dict[str, Any]]:
    import pika

    found = []
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    for queue in queues:
        while (got := channel.basic_get(queue, auto_ack=True))[0] is not None:
            found.append(json.loads(got[2]))
    connection.close()
    return found
