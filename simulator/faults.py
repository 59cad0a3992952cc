"""Faults that a test switches on: each has a name, perhaps an end, perhaps a number of uses."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from simulator.records import Json
from simulator.stamps import Clock

COMMON = ("name", "for_s", "count", "path")

FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "outage": (
        "every /rest call answers 503, or the connection is reset",
        {"mode": "503", "retry_after": None},
    ),
    "slow": ("answers come late", {"seconds": 2.0}),
    "error_500": ("500 with a JSON body", {}),
    "error_502_html": ("502 with a gateway's HTML page", {}),
    "rate_limit_429": ("429 as when a limit is used up", {"retry_after": None}),
    "truncated": ("half of the body, then the connection ends", {}),
    "token_revoked": ("issued tokens die; with for_s or count, calls answer 401", {}),
    "secret_reset": ("a new client secret; tokens of the old one die", {}),
    "app_uninstalled": ("403, the app is not connected to the company", {"company_id": None}),
    "project_removed": ("the project is no longer permitted", {"project_id": None, "status": 403}),
    "tool_disabled": ("a tool is switched off", {"resource": None, "project_id": None, "status": 403}),
    "webhooks_forbidden": ("the webhook endpoints answer 403", {}),
    "duplicate": ("each event is sent several times", {"times": 2}),
    "reorder": ("each second event overtakes the one before", {}),
    "drop": ("events are lost", {}),
    "read_lag": ("reads show the record as it was before the event", {"seconds": 5.0}),
    "hooks_deleted": ("all hooks are gone at once", {"company_id": None, "project_id": None}),
    "sender_pause": ("nothing is sent", {}),
    "sink": ("a sink misbehaves", {"sink": None, "mode": "error_500", "seconds": 10.0}),
}
AT_ONCE = ("secret_reset", "hooks_deleted")
"""Done the moment they are set; nothing remains to switch off."""

_ALIASES = {"n": ("times", "seconds"), "delay_s": ("seconds",), "s": ("seconds",)}


class FaultRefused(ValueError):
    """The fault cannot be set; the text says what to write."""


@dataclass
class Fault:
    name: str
    settings: Json
    since: float
    until: float | None = None
    left: int | None = None
    path: str = ""
    id: int = 0

    def describe(self) -> Json:
        return {
            "id": self.id,
            "name": self.name,
            "for_s": None if self.until is None else round(self.until - self.since, 3),
            "count": self.left,
            "path": self.path or None,
        } | self.settings


@dataclass
class FaultBoard:
    """The faults that hold now."""

    clock: Clock
    _faults: list[Fault] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _given: int = 0

    def add(self, wish: Json) -> Fault:
        """Set a fault from the words of a test.

        Raises:
            FaultRefused: the name or a field is unknown, or a value is of the wrong kind.
        """
        fault = read_wish(wish, self.clock())
        with self._guard:
            self._given += 1
            fault.id = self._given
            if fault.name not in AT_ONCE:
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

    def take(self, name: str, path: str = "", **settings: Any) -> Fault | None:
        """The first that fits, with one of its uses spent."""
        for fault in self.all(name):
            if fault.path not in path or any(fault.settings.get(k) not in (None, v) for k, v in settings.items()):
                continue
            with self._guard:
                if fault.left == 0:
                    continue
                if fault.left is not None:
                    fault.left -= 1
            return fault
        return None

    def clear(self, name: str | None = None) -> None:
        with self._guard:
            self._faults = [fault for fault in self._faults if name is not None and fault.name != name]


def read_wish(wish: Json, now: float) -> Fault:
    name = wish.get("name")
    if name not in FAULTS:
        raise FaultRefused(f"There is no fault {name!r}. Use one of: {', '.join(FAULTS)}.")
    defaults = FAULTS[name][1]
    settings = dict(defaults)
    for key, value in wish.items():
        if key in COMMON:
            continue
        own = key if key in defaults else next((a for a in _ALIASES.get(key, ()) if a in defaults), None)
        if own is None:
            raise FaultRefused(f"The fault {name} has no field {key!r}. Use: {', '.join([*COMMON, *defaults])}.")
        settings[own] = _like(defaults[own], own, value)
    for_s, count = wish.get("for_s"), wish.get("count")
    if for_s is not None and (isinstance(for_s, bool) or not isinstance(for_s, int | float) or for_s < 0):
        raise FaultRefused("for_s is a number of seconds, 0 or more.")
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
        raise FaultRefused("count is a whole number, 1 or more.")
    until = None if for_s is None else now + for_s
    return Fault(name, settings, now, until, count, str(wish.get("path") or ""))


def _like(default: Any, key: str, value: Any) -> Any:
    """The value, checked against the default: numbers stay numbers, ids become whole numbers."""
    try:
        if isinstance(default, float):
            return float(value)
        if isinstance(default, int) or (key.endswith("_id") and value is not None):
            return int(value)
    except (TypeError, ValueError):
        raise FaultRefused(f"{key} is a number, not {value!r}.") from None
    return str(value) if key == "mode" else value
