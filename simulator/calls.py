"""A tally of what was called, by path template."""

from __future__ import annotations

import re
import threading
from collections import Counter

from simulator.records import Json


class Calls:
    def __init__(self) -> None:
        self._tally: Counter[tuple[str, str, int]] = Counter()
        self._guard = threading.Lock()

    def add(self, method: str, template: str, status: int) -> None:
        with self._guard:
            self._tally[(method, template, status)] += 1

    def listed(self) -> list[Json]:
        with self._guard:
            seen = sorted(self._tally.items())
        return [{"method": m, "path": path, "status": status, "count": n} for (m, path, status), n in seen]

    def forget(self) -> None:
        with self._guard:
            self._tally.clear()


def template_of(path: str) -> str:
    """The template of a path that no route fits: numbers become `{id}`."""
    return re.sub(r"/\d+(?=/|$)", "/{id}", path)
