"""Sends as Procore does: 5 s for an answer, in order on each line, a pause that doubles after a failure. Every attempt is logged.

What was answered 2xx is the acknowledged set, the one thing the checker believes.
"""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import requests

from tests.crash.lab import site
from tests.crash.lab.plan import Plan, Sent

LINES = 3
TIMEOUT_S = 5.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0  # Procore: 1 s, doubling to an hour


@dataclass(frozen=True)
class Attempt:
    """`status` None: no answer came."""

    at: float
    id: str
    kind: str
    status: int | None
    error: str = ""


class Sender:
    """`change(record)` makes the change at the far end that the next event tells of."""

    def __init__(
        self,
        plan: Plan,
        url: str,
        secret: str,
        ids: tuple[Any, Any],
        records: list[str],
        change: Callable[[str, str], None],
        log: Path,
    ):
        self.log: list[Attempt] = []
        self._plan, self._url, self._ids, self._records, self._change = plan, url, ids, records, change
        self._file = log.open("w")
        self._writing = threading.Lock()
        self._lines: list[SimpleQueue[tuple[Sent, bytes]]] = [SimpleQueue() for _ in range(LINES)]
        self._left = 0
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.secrets = [secret]

    def start(self) -> None:
        work = [self._produce, *(lambda line=line: self._serve(line) for line in self._lines)]  # type: ignore[misc]
        self._left = len(self._plan.sent)
        self._threads = [threading.Thread(target=one, daemon=True, name="lab-sender") for one in work]
        for thread in self._threads:
            thread.start()

    @property
    def done(self) -> bool:
        """Everything was sent, and each that may be acknowledged is."""
        return self._left == 0

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(TIMEOUT_S + 2)
        self._file.close()

    def _produce(self) -> None:
        began = time.monotonic()
        for number, one in enumerate(self._plan.sent):
            if self._stop.wait(max(0.0, began + one.at_s - time.monotonic())):
                return
            # A second earlier: the far end's stamps have no parts of seconds.
            stamp = (dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
            record = self._records[one.record]
            if one.kind == "event":
                self._change(record, one.id)
            made = site.body(one, *self._ids, record, stamp)
            self._lines[number % LINES].put((one, made))
            if one.twice_after_s is not None:
                threading.Timer(one.twice_after_s, self._post, (one, made)).start()

    def _serve(self, line: SimpleQueue[tuple[Sent, bytes]]) -> None:
        pause = FIRST_PAUSE_S
        while not self._stop.is_set():
            try:
                one, made = line.get(timeout=0.2)
            except Empty:
                continue
            while not self._stop.is_set() and not self._settled(one, self._post(one, made)):
                self._stop.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)
            pause = FIRST_PAUSE_S
            with self._writing:
                self._left -= 1

    def _settled(self, one: Sent, status: int | None) -> bool:
        """A forged one is never acknowledged: any answer will do. A refusal for good (4xx) is the checker's business."""
        return status is not None and (status < 500 or one.kind == "forged")

    def _post(self, one: Sent, made: bytes) -> int | None:
        secret = "not-the-secret" if one.kind == "forged" else self.secrets[-1]
        headers = {"Content-Type": "application/json", "Authorization": secret}
        status, error = None, ""
        try:
            status = requests.post(self._url, data=made, headers=headers, timeout=TIMEOUT_S).status_code
        except (requests.RequestException, OSError) as problem:
            error = type(problem).__name__
        attempt = Attempt(time.time(), one.id, one.kind, status, error)
        with self._writing:
            self.log.append(attempt)
            if not self._file.closed:
                self._file.write(json.dumps(asdict(attempt)) + "\n")
                self._file.flush()
        return status
