"""Log lines that an attacker could cause by the thousand: one per period, with the number it stands for."""

from __future__ import annotations

import threading
import time


class Seldom:
    """Says when the next line may be written."""

    def __init__(self, every_s: float = 10.0):
        self._every_s = every_s
        self._next = 0.0
        self._count = 0
        self._lock = threading.Lock()

    def due(self) -> int:
        """How many times this happened since the last line, 0 when now is no time for another one."""
        with self._lock:
            self._count += 1
            if time.monotonic() < self._next:
                return 0
            count, self._count = self._count, 0
            self._next = time.monotonic() + self._every_s
            return count


def shown(text: str, most: int = 60) -> str:
    """Foreign text fit for a log line or a sentence: printable ASCII, quoted, cut."""
    return ascii(text[:most] + ("…" if len(text) > most else ""))
