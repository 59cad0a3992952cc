"""The webhook sender: one queue per hook, in order, with Procore's patience and its limits.

An answer counts when it is 2xx and comes within 5 s of the connection. A failure pauses the whole queue:
1 s, doubling to 1 h. After 12 h of failures all that waits is discarded; the next event starts afresh.
Source: Procore documentation, webhooks. Only these waits follow `time_scale`.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass, field
from itertools import count

import requests
from urllib3.exceptions import HTTPError
from urllib3.util import SKIP_HEADER

from simulator.events import Event
from simulator.faults import FaultBoard
from simulator.hooks import Hook
from simulator.records import Json
from simulator.stamps import Clock, iso

ANSWER_TIMEOUT_S = 5.0
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 3600.0
PATIENCE_S = 12 * 3600.0
_KEPT_ATTEMPTS = 50
_KEPT_DELIVERIES = 20_000
_KEPT_BODY = 4096
_HOLD_S = 0.5


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
    """One event on its way to one hook. `status`: enqueued, retrying, delivered or discarded."""

    id: int
    event: Event
    payload: Json
    status: str = "enqueued"
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def event_day(self) -> str:
        return iso(self.event.at)[:10]


class Sender:
    """Keeps a line of waiting deliveries, and a thread, for each hook."""

    def __init__(self, faults: FaultBoard, *, time_scale: float, clock: Clock) -> None:
        self.faults, self.time_scale, self.clock = faults, time_scale, clock
        self.answer_timeout_s = ANSWER_TIMEOUT_S
        self._lines: dict[int, Line] = {}
        self._numbers = count(598_134_900_000_000)
        self._guard = threading.Lock()

    def enqueue(self, hook: Hook, event: Event) -> None:
        if self.faults.take("drop") is not None:
            return
        twice = self.faults.take("duplicate")
        copies = int(twice.settings["times"]) if twice else 1
        with self._guard:
            line = self._lines.get(hook.id)
            if line is None:
                line = self._lines[hook.id] = Line(self, hook)
            for _ in range(copies):
                line.add(Delivery(next(self._numbers), event, event.payload(hook.payload_version)))

    def log(self, hook: Hook) -> list[Delivery]:
        line = self._lines.get(hook.id)
        return list(line.log) if line else []

    def waiting(self, hook: Hook) -> int:
        line = self._lines.get(hook.id)
        return len(line.queue) if line else 0

    def wake(self) -> None:
        """Look again now: a pause was lifted, a hook was enabled."""
        for line in list(self._lines.values()):
            line.wake()

    def forget(self, hook: Hook) -> None:
        with self._guard:
            line = self._lines.pop(hook.id, None)
        if line:
            line.stop()

    def stop(self) -> None:
        for line in list(self._lines.values()):
            line.stop()
        for line in list(self._lines.values()):
            line.join()

    def number(self) -> int:
        return next(self._numbers)


class Line:
    """The queue of one hook: the head is sent until it succeeds, the others wait behind it."""

    def __init__(self, sender: Sender, hook: Hook) -> None:
        self.sender, self.hook = sender, hook
        self.queue: deque[Delivery] = deque()
        self.log: deque[Delivery] = deque(maxlen=_KEPT_DELIVERIES)
        self._held: Delivery | None = None
        self._held_until = 0.0
        self._failing_since: float | None = None
        self._pause = FIRST_PAUSE_S
        self._changed = threading.Condition()
        self._stopped = False
        self._nudged = False
        self._session = requests.Session()
        self._session.trust_env = False
        # No header of a delivery is documented but these two kinds: its type, and what the hook asks for.
        self._session.headers.clear()
        self._session.headers.update({"Accept": "*/*", "User-Agent": SKIP_HEADER, "Content-Type": "application/json"})
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def add(self, delivery: Delivery) -> None:
        with self._changed:
            self.log.append(delivery)
            if self._held is None and self.sender.faults.take("reorder"):
                self._held, self._held_until = delivery, self.sender.clock() + _HOLD_S
            else:
                self.queue.append(delivery)
                self._release()
            self._changed.notify()

    def wake(self) -> None:
        with self._changed:
            self._nudged = True
            self._changed.notify()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def join(self) -> None:
        self._thread.join(self.sender.answer_timeout_s + 1)

    def _run(self) -> None:
        with self._session:
            while (head := self._next()) is not None:
                if self._send(head):
                    self._succeeded(head)
                else:
                    self._failed(head)

    def _next(self) -> Delivery | None:
        """The head of the queue, as soon as it may be sent; None when stopped."""
        with self._changed:
            while not self._stopped:
                if self._held is not None and self.sender.clock() >= self._held_until:
                    self._release()
                if self.queue and self.hook.status == "active" and not self.sender.faults.all("sender_pause"):
                    return self.queue[0]
                self._changed.wait(0.1 if self.queue or self._held else None)
            return None

    def _release(self) -> None:
        if self._held is not None:
            self.queue.append(self._held)
            self._held = None

    def _send(self, delivery: Delivery) -> bool:
        timeout = self.sender.answer_timeout_s
        started = iso(self.sender.clock())
        status, text, headers, error = None, "", {}, None
        try:
            with self._session.post(
                self.hook.destination_url,
                data=json.dumps(delivery.payload).encode(),
                headers=self.hook.destination_headers,
                timeout=(timeout, timeout),
                allow_redirects=False,
                stream=True,
            ) as answer:
                # Reading the body lets the connection serve the next event of a burst.
                read = answer.raw.read(_KEPT_BODY, decode_content=True)
                status, text, headers = (
                    answer.status_code,
                    read.decode("utf-8", "replace"),
                    dict(answer.headers),
                )
        except (requests.RequestException, HTTPError, OSError, ValueError) as problem:
            error = type(problem).__name__
        attempt = Attempt(self.sender.number(), started, iso(self.sender.clock()), status, text, headers, error)
        delivery.attempts = [*delivery.attempts[-_KEPT_ATTEMPTS:], attempt]
        return attempt.success

    def _succeeded(self, delivery: Delivery) -> None:
        with self._changed:
            delivery.status = "delivered"
            self.queue.popleft()
            self._failing_since, self._pause = None, FIRST_PAUSE_S

    def _failed(self, delivery: Delivery) -> None:
        with self._changed:
            now, scale = self.sender.clock(), self.sender.time_scale
            delivery.status = "retrying"
            self._failing_since = now if self._failing_since is None else self._failing_since
            if now - self._failing_since >= PATIENCE_S / scale:
                self._discard()
                return
            self._nudged = False
            self._changed.wait_for(lambda: self._stopped or self._nudged, self._pause / scale)
            self._pause = min(self._pause * 2, LONGEST_PAUSE_S)

    def _discard(self) -> None:
        for delivery in self.queue:
            delivery.status = "discarded"
        self.queue.clear()
        self._failing_since, self._pause = None, FIRST_PAUSE_S
