"""Waits of half a minute and more, made shorter, so that a run of half a minute sees what follows them."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

SHORTER: dict[str, dict[str, object]] = {
    "store.leases": {"LEASE_S": 4},
    "workers.keeper": {"RENEW_S": 1.0, "MARGIN_S": 1.0},
    "workers.copying": {"REREAD_AFTER_S": (0.5, 2.0)},
    "workers.pausing": {"LOOK_AGAIN_S": 1.5},
    "workers.fetch": {"FIRST_WAIT_S": 0.5, "LONGEST_WAIT_S": 3.0},
    "workers.whole": {"SITE_LOOK_S": 1.0},
    "store.beats": {"ALIVE_S": 4.0},
    "workers.relay": {"BEAT_S": 1.0},
    "connectors.quota_state": {"LONGEST_CALL_S": 6.0},
}


def _shorten(module: ModuleType) -> None:
    for name, value in SHORTER[module.__name__].items():
        assert hasattr(module, name), f"{module.__name__} has no {name}"
        setattr(module, name, value)


CHANGES: dict[str, Callable[[ModuleType], None]] = dict.fromkeys(SHORTER, _shorten)
