"""Faults that a test switches on: each has a name, perhaps an end, perhaps a number of uses."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from simulator.faultnames import FAULTS, read_wish
from simulator.records import Json
from simulator.stamps import Clock


@dataclass
class Fault:
    name: str
    settings: Json
    since: float
    until: float | None = None
    left: int | None = None
    path: str = ""
    share: float = 1.0
    id: int = 0

    def describe(self) -> Json:
        return {
            "id": self.id,
            "name": self.name,
            "for_s": None if self.until is None else round(self.until - self.since, 3),
            "count": self.left,
            "path": self.path or None,
            "share": self.share,
        } | self.settings

    def fits(self, path: str, about: Json) -> bool:
        """Whether it is for this call or event; a setting that is None fits everything."""
        return self.path in path and all(self.settings.get(name) in (None, value) for name, value in about.items())


def _nobody() -> None:
    """Nobody wants to know."""


@dataclass
class FaultBoard:
    """The faults that hold now. `changed` is called when some are taken away."""

    clock: Clock
    changed: Callable[[], None] = _nobody
    _faults: list[Fault] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _dice: Random = field(default_factory=lambda: Random(7))
    _given: int = 0

    def add(self, wish: Json) -> Fault:
        """Set a fault from the words of a test.

        Raises:
            FaultRefused: the name or a field is unknown, or a value is of the wrong kind.
        """
        words = read_wish(wish)
        now = self.clock()
        until = None if words.for_s is None else now + words.for_s
        fault = Fault(words.name, words.settings, now, until, words.count, words.path, words.share)
        with self._guard:
            self._given += 1
            fault.id = self._given
            if not FAULTS[fault.name].at_once:
                self._faults.append(fault)
        return fault

    def active(self) -> list[Fault]:
        with self._guard:
            now = self.clock()
            self._faults = [f for f in self._faults if (f.until is None or f.until > now) and f.left != 0]
            return list(self._faults)

    def all(self, name: str) -> list[Fault]:
        """Those of one name, unused: they go on holding."""
        # The list is empty nearly always, and this is asked several times for each call.
        return [fault for fault in self.active() if fault.name == name] if self._faults else []

    def take(self, name: str, path: str = "", **about: Any) -> Fault | None:
        """The first that fits, with one of its uses spent."""
        for fault in self.all(name):
            if not fault.fits(path, about):
                continue
            with self._guard:
                if fault.left == 0 or (fault.share < 1 and self._dice.random() >= fault.share):
                    continue
                if fault.left is not None:
                    fault.left -= 1
            return fault
        return None

    def clear(self, name: str | None = None, number: int | None = None) -> None:
        """Take away all, those of one name, or the one with that number."""
        with self._guard:
            gone = {id(f) for f in self._faults if name in (None, f.name) and number in (None, f.id)}
            self._faults = [fault for fault in self._faults if id(fault) not in gone]
        self.changed()
