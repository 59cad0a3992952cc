"""The webhook sender: one queue per hook, in order, with Procore's patience and its limits.

An answer counts when it is 2xx and comes within 5 s of the connection. A failure pauses the whole queue:
1 s, doubling to 1 h. After 12 h of failures all that waits is discarded; the next event starts afresh.
Source: Procore documentation, webhooks. Only these waits follow `time_scale`.

A few threads serve all hooks: each takes a hook whose head is due, sends it, and puts the hook back. They sleep
until something is due, so a simulator that has nothing to send costs nothing.
"""

from __future__ import annotations

import heapq
import threading
from collections import Counter
from dataclasses import replace
from itertools import count

from simulator.deliveries import Attempt, Delivery, Line
from simulator.events import Event
from simulator.faults import FaultBoard
from simulator.hooks import Hook
from simulator.post import Post
from simulator.records import Json
from simulator.stamps import Clock, iso, ulid

ANSWER_TIMEOUT_S = 5.0
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 3600.0
PATIENCE_S = 12 * 3600.0
MOST_AT_ONCE = 8
"""Receivers that may be slow at the same time without holding up the others."""


class Sender:
    """Keeps a line of waiting deliveries for each hook, and the threads that serve them."""

    def __init__(self, faults: FaultBoard, *, time_scale: float, clock: Clock) -> None:
        self.faults, self.time_scale, self.clock = faults, time_scale, clock
        self.answer_timeout_s = ANSWER_TIMEOUT_S
        self._lines: dict[int, Line] = {}
        self._due: list[tuple[float, int, Line]] = []
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._sending = 0
        self._stopped = False
        self._numbers = count(598_134_900_000_000)
        self._post = Post(MOST_AT_ONCE)
        faults.changed = self.wake

    # What others ask for

    def enqueue(self, hook: Hook, event: Event) -> None:
        """Queue the event for the hook, as the faults that hold now will have it."""
        about: Json = {"resource": event.resource, "verb": event.verb, "project_id": event.project_id}
        if self.faults.take("drop", **about) is not None:
            return
        now, wait, copies, within, same = self.clock(), 0.0, 1, 0.0, True
        if late := self.faults.take("delay", **about):
            wait = late.settings["seconds"]
        if twice := self.faults.take("duplicate", **about):
            copies, within, same = (twice.settings[name] for name in ("times", "within_s", "same_id"))
        overtaken = self.faults.take("reorder", **about) is not None if self._may_be_overtaken(hook) else False
        with self._changed:
            line = self._lines.setdefault(hook.id, Line(hook))
            for turn in range(copies):
                told = event if same or turn == 0 else replace(event, id=self.number(), ulid=ulid(now))
                at = now + wait + within * turn / max(1, copies - 1)
                line.add(Delivery(self.number(), told, told.payload(hook.payload_version)), at, now, overtaken and turn == 0)
            self._plan(line, now)

    def log(self, hook: Hook) -> list[Delivery]:
        """Every delivery of the hook, oldest first."""
        with self._changed:
            line = self._lines.get(hook.id)
            return list(line.log) if line else []

    def tally(self, hook: Hook) -> dict[str, int]:
        """How many deliveries of the hook have which status."""
        return dict(Counter(delivery.status for delivery in self.log(hook)))

    def waiting(self, hook: Hook) -> int:
        line = self._lines.get(hook.id)
        return line.waiting if line else 0

    def wake(self) -> None:
        """Look again: a fault was taken away. Pauses after failures go on."""
        with self._changed:
            for line in self._lines.values():
                self._plan(line, self.clock())

    def send_now(self, hook: Hook | None = None) -> None:
        """End the pause after failures, of one hook or of all."""
        with self._changed:
            for line in self._lines.values():
                if hook in (None, line.hook):
                    line.paused_until = 0.0
                    self._plan(line, self.clock())

    def forget(self, hook: Hook) -> None:
        """Send nothing more of it; what was sent is forgotten."""
        with self._changed:
            if line := self._lines.pop(hook.id, None):
                line.drop()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(self.answer_timeout_s + 1)
        self._post.close()

    def number(self) -> int:
        return next(self._numbers)

    def _may_be_overtaken(self, hook: Hook) -> bool:
        line = self._lines.get(hook.id)
        return line is None or line.overtaken is None

    # The threads

    def _plan(self, line: Line, now: float) -> None:
        """Note when the line is to be looked at, unless a thread has it or will come earlier. Holds the lock."""
        at = line.due(now)
        if at is None or line.busy:
            return
        if pauses := [fault.until for fault in self.faults.all("sender_pause")]:
            if None in pauses:
                return  # taking the fault away wakes us
            at = max(at, *(until for until in pauses if until is not None))
        if line.planned is not None and line.planned <= at:
            return
        line.planned = at
        heapq.heappush(self._due, (at, next(self._numbers), line))
        self._call_for_a_thread()

    def _call_for_a_thread(self) -> None:
        if len(self._threads) == self._sending < MOST_AT_ONCE and not self._stopped:
            self._threads.append(threading.Thread(target=self._run, daemon=True, name="sender"))
            self._threads[-1].start()
        self._changed.notify()

    def _run(self) -> None:
        while (line := self._next()) is not None:
            delivery = line.queue[0]
            attempt = self._attempt(line.hook, delivery)
            with self._changed:
                delivery.tried(attempt)
                line.busy = False
                self._sending -= 1
                if self._lines.get(line.hook.id) is line:
                    self._settle(line, delivery, attempt.success)
                    self._plan(line, self.clock())

    def _next(self) -> Line | None:
        """A line whose head may be sent now, taken; None when stopped."""
        with self._changed:
            while not self._stopped:
                now = self.clock()
                if not self._due or self._due[0][0] > now:
                    self._changed.wait(min(self._due[0][0] - now, threading.TIMEOUT_MAX) if self._due else None)
                    continue
                at, _, line = heapq.heappop(self._due)
                if at != line.planned or not self._taken(line, now):
                    continue
                self._sending += 1
                if self._due:
                    self._call_for_a_thread()
                return line
            return None

    def _taken(self, line: Line, now: float) -> bool:
        """Whether its head is to be sent now. Holds the lock."""
        line.planned = None
        line.release(now)
        if line.hook.status != "active":
            line.end()
        line.busy = bool(line.queue) and not self.faults.all("sender_pause")
        if not line.busy:
            self._plan(line, now)
        return line.busy

    def _attempt(self, hook: Hook, delivery: Delivery) -> Attempt:
        started = iso(self.clock())
        about: Json = {"company_id": hook.scope.company_id, "project_id": hook.scope.project_id}
        if any(fault.fits("", about) for fault in self.faults.all("unreachable")):
            answer = Post.refused()
        else:
            answer = self._post.send(hook.destination_url, delivery.payload, hook.destination_headers, self.answer_timeout_s)
        return Attempt(self.number(), started, iso(self.clock()), *answer)

    def _settle(self, line: Line, delivery: Delivery, success: bool) -> None:
        """What an attempt means for the line. Holds the lock."""
        if success:
            line.delivered(delivery)
            return
        now = self.clock()
        delivery.status = "retrying"
        line.failing_since = now if line.failing_since is None else line.failing_since
        if now - line.failing_since >= PATIENCE_S / self.time_scale:
            line.discard()
            if self.faults.all("auto_disable"):
                line.hook.status = "disabled"
            return
        line.pause_s = min(line.pause_s * 2, LONGEST_PAUSE_S) if line.pause_s else FIRST_PAUSE_S
        line.paused_until = now + line.pause_s / self.time_scale
