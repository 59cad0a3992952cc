"""A person at work during the storm. Whatever answered 200 was promised, and is checked like a delivery that was acknowledged."""

from __future__ import annotations

import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Settings
from tests.crash.lab import site
from tests.crash.lab.sender import Sender
from tests.crash.lab.supervise import Stack

REASON = "the storm"
LATE_S = 60.0


class Operator:
    """`done` are the deeds that were acknowledged: (verb, subject), as the audit should know them."""

    def __init__(self, here: Settings, console: str, token: str, sender: Sender, stack: Stack):
        self._here, self._console, self._sender, self._stack = here, console, sender, stack
        self._rotating = threading.Lock()
        self._headers = {"Authorization": f"Bearer {token}"}
        self.done: list[tuple[float, str, str]] = []
        self.edition = 1
        self.retried: list[int] = []
        self._unanswered = False
        self._threads: list[threading.Thread] = []
        self._left = threading.Event()

    def do(self, deed: str, for_s: float) -> None:
        """In a thread of its own: a console that does not answer holds up nobody."""
        work = threading.Thread(target=self._do, args=(deed, for_s), daemon=True, name="lab-operator")
        work.start()
        self._threads.append(work)

    def rest(self) -> None:
        """Whatever was paused goes on, also what a process pauses that comes up later and finds a request in its socket."""
        for thread in self._threads:
            thread.join(30)
        self._resume()
        if self._unanswered:
            late = threading.Thread(target=self._go_on_resuming, daemon=True, name="lab-operator")
            late.start()
            self._threads.append(late)

    def leave(self) -> None:
        """The storm is over: nobody asks this console any more, whose port another one may get."""
        self._left.set()
        for thread in self._threads:
            thread.join(30)

    def _go_on_resuming(self) -> None:
        until = time.monotonic() + LATE_S
        while time.monotonic() < until and not self._left.wait(1.0):
            self._resume()

    def _resume(self) -> None:
        for path in ("/queues/webhook/resume", "/connectors/acme/resume"):
            for _ in range(20):
                if self._call(path) in (200, 400, 404, 409, 422) or self._left.wait(0.5):
                    break

    def _do(self, deed: str, for_s: float) -> None:
        with suppress(requests.RequestException):
            getattr(self, f"_{deed}")(for_s)

    def _edit(self, _for_s: float) -> None:
        """An edition that does the same, saved as editors do: beside, then renamed over."""
        self.edition += 1
        for name in site.RULES:
            path = Path(self._here.site / f"automations/{name}.yaml")
            fresh = path.with_suffix(".tmp")
            fresh.write_text(site.rule(name, self.edition))
            fresh.rename(path)

    def _pause_lane(self, for_s: float) -> None:
        self._note("/queues/webhook/pause", {"reason": REASON}, "lane paused", "webhook")
        time.sleep(for_s)
        self._note("/queues/webhook/resume", {}, "lane resumed", "webhook")

    def _pause_connector(self, for_s: float) -> None:
        self._note("/connectors/acme/pause", {"reason": REASON}, "connector paused", "acme")
        time.sleep(for_s)
        self._note("/connectors/acme/resume", {}, "connector resumed", "acme")

    def _retry(self, _for_s: float) -> None:
        """What failed, such as calls that were refused."""
        answer = requests.get(f"{self._console}/api/v1/runs?state=failed&limit=5", headers=self._headers, timeout=5)
        for run in answer.json()["items"] if answer.status_code == 200 else []:
            if self._note(f"/runs/{run['id']}/retry", {}, "run retried", str(run["id"])):
                self.retried.append(int(run["id"]))

    def _rotate(self, _for_s: float) -> None:
        """`tieback hooks rotate`, again while it says that it did not get through to every hook."""
        for _ in range(3):
            if self._rotated():
                return

    def _rotated(self) -> bool:
        """Whatever became of it, Procore sends what it was told last."""
        with self._rotating:
            try:
                self._stack.cli("hooks", "rotate", "acme")
            except (AssertionError, subprocess.TimeoutExpired):
                done = False
            else:
                done = True
                self.done.append((time.time(), "webhook secret renewed", "acme"))
            with suppress(SQLAlchemyError):
                if (secret := self._stack.secret(self._here)) != self._sender.secrets[-1]:
                    self._sender.secrets.append(secret)
            return done

    def _note(self, path: str, wish: dict[str, Any], verb: str, subject: str) -> bool:
        status = self._call(path, wish)
        self._unanswered |= status is None
        done = status == 200
        if done:
            self.done.append((time.time(), verb, subject))
        return done

    def _call(self, path: str, wish: dict[str, Any] | None = None) -> int | None:
        try:
            answer = requests.post(f"{self._console}/api/v1{path}", json=wish or {}, headers=self._headers, timeout=5)
        except requests.RequestException:
            return None
        return answer.status_code
