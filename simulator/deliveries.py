"""Deliveries, the attempts at them, and the line in which they wait for one hook."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from simulator.events import Event
from simulator.hooks import Hook
from simulator.records import Json
from simulator.stamps import iso

_KEPT_ATTEMPTS = 50
_KEPT_DELIVERIES = 20_000
_OVERTAKEN_FOR_S = 0.5


@dataclass
class Attempt:
    id: int
    started_at: str
    completed_at: str
    response_status: int | None
    response_body: str
    response_headers: dict[str, str]
    error: str | None

    @property
    def success(self) -> bool:
        return self.response_status is not None and 200 <= self.response_status < 300


@dataclass
class Delivery:
    """One event on its way to one hook. `status`: enqueued, retrying, delivered, failed or discarded."""

    id: int
    event: Event
    payload: Json
    status: str = "enqueued"
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def event_day(self) -> str:
        return iso(self.event.at)[:10]

    def tried(self, attempt: Attempt) -> None:
        self.attempts = [*self.attempts[-_KEPT_ATTEMPTS:], attempt]


class Line:
    """The queue of one hook: its head is sent until it succeeds, the others wait behind it.

    Not safe by itself: the sender's lock guards it. `busy` while a thread sends its head; `planned` is when a
    thread will look at it next.
    """

    def __init__(self, hook: Hook) -> None:
        self.hook = hook
        self.queue: deque[Delivery] = deque()
        self.log: deque[Delivery] = deque(maxlen=_KEPT_DELIVERIES)
        self.overtaken: Delivery | None = None
        self.busy = False
        self.planned: float | None = None
        self.failing_since: float | None = None
        self.pause_s = 0.0
        self.paused_until = 0.0
        self._aside: list[tuple[float, Delivery]] = []

    @property
    def waiting(self) -> int:
        return len(self.queue) + len(self._aside)

    def add(self, delivery: Delivery, at: float, now: float, overtaken: bool) -> None:
        """Queue it at that time; one that is to be overtaken goes behind the next one, if it comes soon."""
        self.log.append(delivery)
        if overtaken:
            self.overtaken = delivery
            self._aside.append((max(at, now + _OVERTAKEN_FOR_S), delivery))
            return
        if at > now:
            self._aside.append((at, delivery))
            return
        self.queue.append(delivery)
        if self.overtaken is not None:
            self._aside = [one for one in self._aside if one[1] is not self.overtaken]
            self.queue.append(self.overtaken)
            self.overtaken = None

    def release(self, now: float) -> None:
        """Queue what was put aside and is due."""
        due = sorted((one for one in self._aside if one[0] <= now), key=lambda one: one[0])
        self._aside = [one for one in self._aside if one[0] > now]
        for _, delivery in due:
            self.queue.append(delivery)
            if delivery is self.overtaken:
                self.overtaken = None

    def due(self, now: float) -> float | None:
        """When it is to be looked at; None while nothing waits."""
        times = [now] if self.queue else []
        times += [at for at, _ in self._aside]
        return max(min(times), self.paused_until) if times else None

    def delivered(self, delivery: Delivery) -> None:
        delivery.status = "delivered"
        self.queue.popleft()
        self._afresh()

    def discard(self) -> None:
        """Give up all that waits; the next event begins anew."""
        for delivery in self.queue:
            delivery.status = "discarded"
        self.queue.clear()
        self._afresh()

    def end(self) -> None:
        """The hook was disabled: what was tried has failed, what was not is discarded."""
        for delivery in [*self.queue, *(delivery for _, delivery in self._aside)]:
            delivery.status = "failed" if delivery.attempts else "discarded"
        self.drop()

    def drop(self) -> None:
        if not self.busy:
            self.queue.clear()
        self._aside.clear()
        self.overtaken = None
        self._afresh()

    def _afresh(self) -> None:
        self.failing_since, self.pause_s, self.paused_until = None, 0.0, 0.0
