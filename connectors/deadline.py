"""Several questions at once, none of which may hold up the whole for longer than was promised."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from connectors import http
from connectors.ports import Quota
from connectors.quota import Answer

T = TypeVar("T")


def together(work: Mapping[str, Callable[[], T]], until: float) -> dict[str, T]:
    """What each gives, of those that are done by `until` (of time.monotonic); the rest is left to itself.

    The work must not raise. Its threads are daemons, so one that hangs keeps no process alive.
    """
    found: dict[str, T] = {}

    def run(name: str, one: Callable[[], T]) -> None:
        try:
            found[name] = one()
        finally:
            http.close_sessions()

    threads = [threading.Thread(target=run, args=item, daemon=True) for item in work.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return dict(found)


class InLine:
    """A quota, and whether somebody stands in line for it: then slowness is no fault of Procore's."""

    def __init__(self, of: Quota):
        self._of = of
        self._standing: list[object] = []

    def waits(self) -> bool:
        return bool(self._standing)

    @contextmanager
    def call(self, connector: str, lane: str) -> Iterator[Callable[[Answer], None]]:
        with ExitStack() as stack:
            with self._stand():
                told = stack.enter_context(self._of.call(connector, lane))
            yield told

    @contextmanager
    def _stand(self) -> Iterator[None]:
        one = object()
        self._standing.append(one)
        try:
            yield
        finally:
            self._standing.remove(one)
