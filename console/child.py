"""One supervised process: `python -m console.child ROLE COMMAND...`.

Roles: `all` (door, console, worker threads and relay in one process), `web`, `worker`, `relay`.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from typing import Any

from config import failpoints, logs, settings
from config.errors import ConfigError, TiebackError
from console.supervise import listen, take_over, watch_parent

log = logging.getLogger("tieback.child")


def main(role: str, command: list[str]) -> int:
    """Run until SIGTERM, then finish what is held and return. 2 for a mistake that a person must mend."""
    try:
        with_keys = settings.with_keys(settings.load())
        logs.start(with_keys.log_level)
        failpoints.arm(with_keys.failpoints, with_keys.env.get("TIEBACK_TESTING") == "1")
        return _Process(role, with_keys, command).run()
    except ConfigError as error:
        print(f"tieback: {error}", file=sys.stderr)
        return 2
    except TiebackError as error:
        print(f"tieback: {error}", file=sys.stderr)
        return 1


class _Process:
    def __init__(self, role: str, given: settings.Settings, command: list[str]):
        self._role = role
        self._settings = given
        self._command = command
        self._stop = threading.Event()
        self._orphaned = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._told)

    def _told(self, number: int, _frame: Any) -> None:
        # Ctrl-C reaches the whole group; the supervisor decides, and tells us by SIGTERM.
        if number == signal.SIGTERM:
            self._stop.set()

    def _lost_supervisor(self) -> None:
        self._orphaned = True
        self._stop.set()

    def run(self) -> int:
        from workers.whole import Whole

        parent = os.getppid()
        whole = Whole(self._settings, self._role)
        whole.start()
        server = None
        if self._role in ("all", "web"):
            server = self._serve(whole)
        watch_parent(self._lost_supervisor, parent)
        self._stop.wait()
        if server is not None:
            server.stop()
        whole.stop()
        if self._orphaned and self._command:
            take_over(self._command)
        return 0

    def _serve(self, whole: Any) -> Any:
        from webhook.app import create_app
        from webhook.serve import Server

        app = create_app(whole.engine, whole.box, whole.doorbell, self._settings)
        server = Server(app, listen(self._settings.bind, "TIEBACK_BIND"), self._settings)
        server.start()
        return server


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
