"""Does what the plan says when it says it, and takes it back after its time."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Collection
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

from tests.crash.lab import settle
from tests.crash.lab.operator import Operator
from tests.crash.lab.plan import Fault, Plan
from tests.crash.lab.supervise import Stack
from tests.crash.lab.target import SINKS, Target

HALT_WITHIN_S = 6.0
TAKEN_S = 20.0
PASSED_ON_S = 20.0


class Nemesis:
    def __init__(self, plan: Plan, stack: Stack, target: Target, operator: Operator):
        self._plan, self._stack, self._target, self._operator = plan, stack, target, operator
        self.log: list[tuple[float, str]] = []
        self.still: list[tuple[float, float]] = []  # from when until when no worker was at work
        self._holding: list[threading.Thread] = []

    def storm(self) -> None:
        """Returns when the last fault has begun and all of them are over."""
        began = time.monotonic()
        for fault in self._plan.faults:
            time.sleep(max(0.0, began + fault.at_s - time.monotonic()))
            work = threading.Thread(target=self._do, args=(fault,), daemon=True, name=f"lab-{fault.what}")
            work.start()
            self._holding.append(work)
        for work in self._holding:
            work.join(120)

    def _do(self, fault: Fault) -> None:
        what, _, detail = fault.what.partition(":")
        self._say(f"{fault.what} {fault.target} {fault.for_s:g} {fault.number:g}")
        if what == "proxy":
            self._hold_edge(fault, detail)
        elif what == "sink":
            for sink in SINKS:
                self._target.misbehave(sink, fault.target, fault.for_s, fault.number)
        elif what == "person":
            self._operator.do(fault.target, fault.for_s)
        elif what == "broker":
            self._broker(fault)
        elif what == "db":
            self._restart("database", fault.for_s)
        elif what == "halt":
            self._halt(fault)
        elif fault.target == "workers":
            self._freeze_workers(fault)
        else:
            self._process(what, fault)

    def _process(self, what: str, fault: Fault) -> None:
        number = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "freeze": signal.SIGSTOP}[what]
        pid = self._stack.signal(fault.target, number, (fault.at_s * 7) % 1)
        self._say(f"{what} {fault.target} was {pid}")
        if what == "freeze" and pid is not None:
            time.sleep(fault.for_s)
            self._thaw([pid])

    def _halt(self, fault: Fault) -> None:
        """A worker stops itself at the worst place, as soon as it comes there; thawed when its leases have passed on."""
        flag = self._stack.folder / f"halt-{fault.target}"
        before = len(self._stack.halted(fault.target))
        flag.touch()
        until = time.monotonic() + HALT_WITHIN_S
        while flag.exists() and time.monotonic() < until:
            time.sleep(0.1)
        try:
            flag.unlink()
        except FileNotFoundError:  # taken: who takes it says so, and then stops
            until = time.monotonic() + TAKEN_S
        while not (stopped := dict(self._stack.halted(fault.target)[before:])):
            if time.monotonic() > until:
                return
            time.sleep(0.1)
        self._say(f"halt {fault.target} was {stopped}")
        time.sleep(fault.for_s)
        if self._plan.profile != "sqlite":  # where one process is all there is, nobody else takes its work
            self._wait_until_others_have_done(stopped.values())
        self._thaw(list(stopped))

    def _wait_until_others_have_done(self, runs: Collection[int]) -> None:
        """Whoever comes back before its work has passed on does no harm, and shows nothing."""
        until = time.monotonic() + PASSED_ON_S
        while time.monotonic() < until:
            with suppress(SQLAlchemyError):
                if settle.ended(self._stack.database_url, runs):
                    return
            time.sleep(0.3)

    def _freeze_workers(self, fault: Fault) -> None:
        """All of them: nothing gets on, and somebody has to say so."""
        frozen = self._stack.of_role("worker")
        began = time.time()
        for pid in frozen:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        alone = bool(frozen)
        while time.time() < began + fault.for_s:
            time.sleep(0.1)
            alone = alone and not self._stack.awake("worker")  # a new one, or one thawed by another fault
        if alone:
            self.still.append((began, time.time()))
        self._thaw(frozen)

    def _thaw(self, pids: list[int]) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                if pid in self._stack.pids():
                    os.kill(pid, signal.SIGCONT)

    def _hold_edge(self, fault: Fault, kind: str) -> None:
        if fault.target not in self._stack.proxies.edges:
            return
        self._stack.proxies.set(fault.target, (kind, fault.number))
        time.sleep(fault.for_s)
        self._stack.proxies.set(fault.target, None)

    def _broker(self, fault: Fault) -> None:
        if fault.target == "flush":
            self._stack.flush()
        elif fault.target == "kill":
            self._restart("broker", fault.for_s)
        else:
            with self._stack.restarting["broker"]:
                pid = self._stack.servers["broker"].pid()
                os.kill(pid, signal.SIGSTOP)
                time.sleep(fault.for_s)
                os.kill(pid, signal.SIGCONT)

    def _restart(self, server: str, after_s: float) -> None:
        with self._stack.restarting[server]:
            self._stack.servers[server].kill()
            time.sleep(after_s)
            self._stack.servers[server].start()

    def _say(self, what: str) -> None:
        self.log.append((time.time(), what))
