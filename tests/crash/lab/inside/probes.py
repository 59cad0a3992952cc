"""Notes what no log tells: that a state was reached which a batch must have seen."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any


def note(what: str) -> None:
    path = os.environ["CRASHLAB_PROBES"]
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(handle, f"{time.time():.3f} {os.getpid()} {what}\n".encode())
    os.close(handle)


def _noting(function: Callable[..., Any], what: str, error: type[BaseException]) -> Callable[..., Any]:
    def noted(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except error:
            note(what)
            raise

    return noted


def _leases(module: Any) -> None:
    module._held = _noting(module._held, "fenced", module.LostLease)
    rung, reaped = module.to_ring, module.reap

    def to_ring(*args: Any, **kwargs: Any) -> Any:
        found = rung(*args, **kwargs)
        if found:
            note("rung-again")
        return found

    def reap(db: Any, work: Any, **kwargs: Any) -> Any:
        count = reaped(db, work, **kwargs)
        if count:
            note("reclaimed")
        return count

    module.to_ring, module.reap = to_ring, reap


def _keeper(module: Any) -> None:
    module.Keeper.still_mine = _noting(module.Keeper.still_mine, "refused-call", module.LostLease)


def _auth(module: Any) -> None:
    real = module.hmac.compare_digest

    def compare_digest(*both: Any) -> bool:
        note("compared")
        return bool(real(*both))

    module.hmac = SimpleNamespace(compare_digest=compare_digest)


def _effects(module: Any) -> None:
    real = module.perform

    def perform(journal: Any, effect: Any, call: Any, lookup: Any = None) -> Any:
        intend = journal.intend

        def intending(one: Any) -> Any:
            kept = intend(one)
            if not kept.fresh and kept.state in ("intent", "uncertain"):
                note(f"doubt {effect.policy}")
            return kept

        journal.intend = intending
        try:
            return real(journal, effect, call, lookup)
        finally:
            journal.intend = intend

    module.perform = perform


CHANGES: dict[str, Callable[[ModuleType], None]] = {
    "store.leases": _leases,
    "workers.keeper": _keeper,
    "webhook.auth": _auth,
    "automations.effects": _effects,
}
