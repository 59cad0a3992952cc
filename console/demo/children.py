"""The programs that a demonstration starts: each with its log, each ended with everything that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

ENDS_S = 35.0
TAIL_LINES = 15


class Child:
    """A program in a process group of its own, so that a Ctrl-C reaches it through us and only once."""

    def __init__(self, name: str, command: Sequence[str], env: Mapping[str, str], log: Path):
        self.name = name
        self.log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                command, env=dict(env), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )
        self._group = self._process.pid

    @property
    def pid(self) -> int:
        """Of the first process."""
        return self._group

    def alive(self) -> bool:
        """True while anybody of the group lives: when the first process is killed another takes its place."""
        self._process.poll()
        try:
            os.killpg(self._group, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def code(self) -> int | None:
        """How the first process ended; None while it runs."""
        return self._process.poll()

    def end(self) -> None:
        """Ask, wait, then insist. Safe to call twice."""
        self._ask()
        deadline = time.monotonic() + ENDS_S
        try:
            while self.alive() and time.monotonic() < deadline:
                time.sleep(0.05)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._group, signal.SIGKILL)
            self._process.wait()

    def _ask(self) -> None:
        """The first process ends its own children; when it is gone, whoever took its place is asked."""
        with suppress(ProcessLookupError, PermissionError):
            if self._process.poll() is None:
                self._process.terminate()
            else:
                os.killpg(self._group, signal.SIGTERM)

    def tail(self) -> str:
        """The last lines of its log."""
        with suppress(OSError):
            lines = self.log.read_text("utf-8", "replace").splitlines()[-TAIL_LINES:]
            return "\n".join(f"    {line[:400]}" for line in lines)
        return ""
