"""The doorbell between processes. Dramatiq's brokers carry ids; the work itself is in the database.

Whoever stores work rings afterwards, through a `Doorbell`, which never makes its caller wait and
never fails: a lost ring costs latency only, since the relay rings again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Protocol

import dramatiq
from dramatiq.brokers.stub import StubBroker

from config.errors import ConfigError
from config.logs import about
from config.settings import Settings

log = logging.getLogger("tieback.broker")

LANES = ("webhook", "manual", "schedule", "backfill")
REST_S = 2.0
# Sorting is quick and the same for all, so one ring carries many; a run or a fetch may take long.
_PER_MESSAGE = {"sort": 20}


def open_broker(settings: Settings) -> dramatiq.Broker:
    """A broker for `TIEBACK_BROKER_URL` with a queue per lane declared; nothing is connected yet.

    No retries, delays or results: those are rows of ours. No age limit either: a ring carries the clock of whoever rang, and
    one for work that was done meanwhile costs a look.

    Raises: ConfigError when the URL cannot be understood.
    """
    middleware: list[dramatiq.Middleware] = []
    url = settings.broker_url
    try:
        broker = _broker(url, middleware)
    except (ValueError, TypeError):  # its text may hold a part of the password
        raise ConfigError("TIEBACK_BROKER_URL cannot be read. Write redis://host:6379/0 or amqp://user@host/.") from None
    for lane in LANES:
        broker.declare_queue(queue(lane))
    return broker


def queue(lane: str) -> str:
    return f"tieback.{lane}"


def _broker(url: str, middleware: list[dramatiq.Middleware]) -> dramatiq.Broker:
    if url.startswith("memory:"):
        return StubBroker(middleware=middleware)
    if url.startswith("amqp"):
        from dramatiq.brokers.rabbitmq import RabbitmqBroker

        # Without confirms a published message can vanish and nobody is told.
        timeouts = "socket_timeout=2&stack_timeout=3&blocked_connection_timeout=3&connection_attempts=1&heartbeat=20"
        return RabbitmqBroker(url=url + ("&" if "?" in url else "?") + timeouts, middleware=middleware, confirm_delivery=True)
    import redis
    from dramatiq.brokers.redis import RedisBroker
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    # redis-py retries ten times by itself unless told not to; our own relay is the retry.
    client = redis.Redis.from_url(
        url, socket_timeout=2, socket_connect_timeout=1, retry=Retry(NoBackoff(), 1), health_check_interval=15, protocol=2
    )
    # Maintenance at every chance costs nothing measurable and hands on what a dead worker had fetched.
    return RedisBroker(  # type: ignore[no-untyped-call]
        client=client, middleware=middleware, namespace="tieback", maintenance_chance=1_000_000
    )


def ping(broker: dramatiq.Broker) -> str | None:
    """Why the broker takes nothing, in one phrase; None when it does. A Redis that is full, or a replica now, still answers."""
    probe: Any = broker
    try:
        if isinstance(broker, StubBroker):
            return None
        if hasattr(probe, "client"):
            probe.client.set("tieback:ping", "", px=60_000)
            return None
        del probe.connection  # a thread keeps its connection, dead or alive: only a new one tells
        _ = probe.connection
    except Exception as error:  # noqa: BLE001 (whatever it is, it is the answer)
        return " ".join(str(error).split())[:200] or type(error).__name__
    return None


def backlog(broker: dramatiq.Broker) -> int:
    """How many rings wait to be heard; 0 when the broker cannot tell."""
    asked: Any = broker
    try:
        if isinstance(broker, StubBroker):
            return sum(broker.queues[queue(lane)].qsize() for lane in LANES)
        if hasattr(asked, "client"):
            return sum(int(asked.client.llen(f"tieback:{queue(lane)}")) for lane in LANES)
        return sum(int(asked.get_queue_message_counts(queue(lane))[0]) for lane in LANES)
    except Exception as error:  # noqa: BLE001 (a broker that is silent says so when it is rung)
        log.debug("broker.backlog_unknown", extra=about(error=type(error).__name__))
        with suppress(Exception):
            del asked.connection  # RabbitMQ ends one that was idle; the next question gets a new one
        return 0


class Bell(Protocol):
    """Whoever can be told that rows wait for an actor. Never blocks, never raises."""

    def ring(self, actor: str, ids: Iterable[int], lane: str = "webhook") -> None: ...


class Doorbell:
    """Rings workers from a thread of its own; after a failure it rests, and what is rung meanwhile is dropped."""

    def __init__(self, broker: dramatiq.Broker):
        self._broker = broker
        self._pending: dict[tuple[str, str], list[int]] = {}
        self._something = threading.Condition()
        self._resting_until = 0.0
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name="doorbell", daemon=True)
        self._thread.start()

    def ring(self, actor: str, ids: Iterable[int], lane: str = "webhook") -> None:
        """Tell a worker that these rows wait for `actor`. Returns at once; never raises."""
        with self._something:
            if time.monotonic() < self._resting_until or self._stopped:
                return
            waiting = self._pending.setdefault((actor, lane), [])
            if len(waiting) < 10_000:  # more than that the relay finds by itself
                waiting.extend(ids)
            self._something.notify()

    def stop(self) -> None:
        """Ring what is pending and end the thread."""
        with self._something:
            self._stopped = True
            self._something.notify()
        self._thread.join(timeout=5)

    def _work(self) -> None:
        while True:
            with self._something:
                while not self._pending and not self._stopped:
                    self._something.wait()
                pending, self._pending = self._pending, {}
            if not pending:
                return
            try:
                for (actor, lane), ids in pending.items():
                    self._send(actor, lane, ids)
            except Exception as error:  # noqa: BLE001 (the relay rings again)
                self._resting_until = time.monotonic() + REST_S
                log.warning("broker.silent", extra=about(error=" ".join(str(error).split())[:300], rest_s=REST_S))

    def _send(self, actor: str, lane: str, ids: list[int]) -> None:
        size = _PER_MESSAGE.get(actor, 1)
        for start in range(0, len(ids), size):
            message: dramatiq.Message[None] = dramatiq.Message(
                queue_name=queue(lane), actor_name=actor, args=(ids[start : start + size],), kwargs={}, options={}
            )
            self._broker.enqueue(message)
