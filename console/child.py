"""One supervised process: `python -m console.child ROLE COMMAND...`.

Roles: `all` (door, console, worker threads and relay in one process), `web`, `console`, `worker`, `relay`.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from config import failpoints, logs, settings, spans
from config.errors import ConfigError, TiebackError
from console.supervise import RAN_EMPTY, listen, take_over, watch_parent

log = logging.getLogger("tieback.child")


def main(role: str, command: list[str]) -> int:
    """Run until SIGTERM, then finish what is held and return. 2 for a mistake that a person must mend."""
    try:
        with_keys = settings.with_keys(settings.load())
        logs.start(with_keys.log_level)
        failpoints.arm(with_keys.failpoints, with_keys.env.get("TIEBACK_TESTING") == "1")
        spans.start(role)
        try:
            return _Process(role, with_keys, command).run()
        finally:
            spans.stop()
    except ConfigError as error:
        return _say(error, 2)
    except TiebackError as error:
        return _say(error, 1)


def _say(error: TiebackError, code: int) -> int:
    sys.stderr.write(f"tieback: {error}\n")
    return code


class _Process:
    def __init__(self, role: str, given: settings.Settings, command: list[str]):
        self._role = role
        self._settings = given
        self._command = command
        self._stop = threading.Event()
        self._orphaned = False
        self._empty = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._told)

    def _told(self, number: int, _frame: Any) -> None:
        # Ctrl-C reaches the whole group; the supervisor decides, and tells us by SIGTERM.
        if number == signal.SIGTERM:
            self._stop.set()

    def _lost_supervisor(self) -> None:
        self._orphaned = True
        self._stop.set()

    def _run_empty(self) -> None:
        self._empty = True
        self._stop.set()

    def run(self) -> int:
        from workers.whole import Whole

        parent = os.getppid()
        whole = Whole(self._settings, self._role, self._run_empty)
        whole.start()
        close_door = self._serve(whole) if self._role in ("all", "web", "console") else None
        watch_parent(self._lost_supervisor, parent)
        # A signal that came while the process was frozen may be taken by any of its threads when it thaws, which wakes no other
        # one: Python calls the handler when this thread next does something.
        while not self._stop.wait(1.0):
            pass
        if close_door is not None:
            close_door()
        whole.stop()
        if self._orphaned and self._command:
            take_over(self._command)
        return RAN_EMPTY if self._empty else 0

    def _serve(self, whole: Any) -> Callable[[], None]:
        """Open the door, the console or both; what is returned closes them when everything begun is answered."""
        from console.serving import applications
        from webhook.serve import Server

        app, close = applications(whole, self._settings, self._role)
        # Kept open after the door is closed: a child that becomes the supervisor hands it on.
        console = self._role == "console"
        bind = self._settings.console_bind if console else self._settings.bind
        self._sock = listen(bind, "TIEBACK_CONSOLE_BIND" if console else "TIEBACK_BIND")
        server = Server(app, self._sock)
        server.start()

        def close_door() -> None:
            server.stop()
            close()

        return close_door


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
