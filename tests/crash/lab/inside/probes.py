"""Notes what no log tells: that a state was reached which a batch must have seen."""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

STALLED_S = 12.0  # longer than anybody is frozen


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


def halt_if_asked(where: str, held: Any) -> None:
    """Stop here, at the worst of all moments, when the laboratory wants one process to; the first to come takes the wish.

    It says which run it was at, 0 when it was no run.
    """
    folder = Path(os.environ["CRASHLAB_HALT"])
    wish = folder / f"halt-{where}"
    if threading.current_thread().name == "keeper" or not wish.exists():
        return
    try:
        wish.unlink()
    except OSError:
        return
    with (folder / "halted").open("a") as file:
        file.write(f"{where} {os.getpid()} {held.id if held.work.__name__ == 'Run' else 0}\n")
    note(f"halted-{where}")
    os.kill(os.getpid(), signal.SIGSTOP)


def _leases(module: Any) -> None:
    held = _noting(module._held, "fenced", module.LostLease)

    def _held(db: Any, one: Any, *args: Any, **values: Any) -> None:
        if one.work.__name__ == "Run":  # whose steps tell when one of them was committed twice
            halt_if_asked("commit", one)
        held(db, one, *args, **values)

    module._held = _held
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


def _session(module: Any) -> None:
    """Who waits long to write tells where everybody is, once per process."""
    waits: dict[int, float] = {}
    real = module.writing

    @contextmanager
    def writing(engine: Any) -> Any:
        me = threading.get_ident()
        waits[me] = time.monotonic()
        try:
            with real(engine) as db:
                waits.pop(me, None)
                yield db
        finally:
            waits.pop(me, None)

    def watch() -> None:
        while True:
            time.sleep(1.0)
            if any(time.monotonic() - began > STALLED_S for began in list(waits.values())):
                note("stalled")
                with (Path(os.environ["CRASHLAB_HALT"]) / f"stall-{os.getpid()}").open("w") as file:
                    faulthandler.dump_traceback(file)
                return

    module.writing = writing
    threading.Thread(target=watch, daemon=True, name="lab-stall").start()


def _keeper(module: Any) -> None:
    looked = _noting(module.Keeper.still_mine, "refused-call", module.LostLease)

    def still_mine(self: Any, held: Any) -> None:
        looked(self, held)
        halt_if_asked("call", held)

    module.Keeper.still_mine = still_mine


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
    "store.session": _session,
    "workers.keeper": _keeper,
    "webhook.auth": _auth,
    "automations.effects": _effects,
}
