"""Keeps our processes alive: one supervisor, its children, and one listening socket that outlives them all.

The supervisor binds the socket, so while a child is being replaced new connections wait instead of
being refused. A child that loses its supervisor finishes what it holds and becomes the supervisor itself
(same process id, same socket): killing any one process leaves the tree whole a moment later.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from config.errors import ConfigError
from config.logs import about

log = logging.getLogger("tieback.supervisor")

STOP_S = 30.0
SETTLED_S = 10.0
RAN_EMPTY = 3  # a child's exit code: a person let it run empty and wants it gone


def listen(bind: tuple[str, int], setting: str) -> socket.socket:
    """A bound, listening socket; the one handed down by a supervisor when there is one.

    Raises: ConfigError when the address cannot be had, naming `setting`.
    """
    inherited = os.environ.get("TIEBACK_LISTEN_FD")
    if inherited:
        return socket.socket(fileno=int(inherited))
    host, port = bind
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"port {port} on {host} is in use. Stop the other program, or choose another port with {setting}."
            ) from None
        raise ConfigError(f"{setting} {host}:{port} cannot be opened ({error.strerror}). Choose another address.") from None
    sock.listen(1024)
    return sock


@dataclass
class _Slot:
    role: str
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    wait_s: float = 0.0
    again_at: float = 0.0
    over: bool = False


def supervise(roles: list[str], sock: socket.socket | None, command: list[str]) -> int:
    """Run one child per role until told to stop; returns the exit code.

    `command` is what a single surviving child executes to take our place; empty where a service manager
    restarts us. A child that ends with code 2 at its
    first start has said what is wrong with the configuration: then we end too, with the same code. One that a person
    let run empty is not started again; when all are gone we end as well.
    """
    stop, hurry = threading.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: hurry.set() if stop.is_set() else stop.set())
    slots = [_Slot(role) for role in roles]
    code = 0
    try:
        while not stop.is_set():
            for slot in slots:
                code = _look_after(slot, sock, command) or code
            if code or all(slot.over for slot in slots):
                break
            stop.wait(0.1)
    finally:
        _end(slots, hurry)
    return code


def _look_after(slot: _Slot, sock: socket.socket | None, command: list[str]) -> int:
    """Start or restart the child of this slot when it is time; a code other than 0 ends everything."""
    if slot.over:
        return 0
    if slot.process is not None:
        code = slot.process.poll()
        if code is None:
            return 0
        lived_s = time.monotonic() - slot.started
        slot.process = None
        if code == RAN_EMPTY:
            slot.over = True
            log.warning("child.ran_empty", extra=about(role=slot.role, lived_s=round(lived_s, 1)))
            return 0
        if code == 2 and lived_s < SETTLED_S:
            return 2
        slot.wait_s = 0.0 if lived_s > SETTLED_S else min(5.0, max(0.2, slot.wait_s * 2))
        slot.again_at = time.monotonic() + slot.wait_s
        log.warning("child.ended", extra=about(role=slot.role, code=code, lived_s=round(lived_s, 1), again_in_s=slot.wait_s))
    if time.monotonic() >= slot.again_at:
        slot.process = _start(slot.role, sock, command)
        slot.started = time.monotonic()
    return 0


def _start(role: str, sock: socket.socket | None, command: list[str]) -> subprocess.Popen[bytes]:
    env = {**os.environ}
    fds: list[int] = []
    if sock is not None:
        env["TIEBACK_LISTEN_FD"] = str(sock.fileno())
        fds = [sock.fileno()]
    return subprocess.Popen([sys.executable, "-m", "console.child", role, *command], env=env, pass_fds=fds)


def _end(slots: list[_Slot], hurry: threading.Event) -> None:
    """Ask every child to finish; kill what has not after 30 s, or at once when asked a second time."""
    alive = [slot.process for slot in slots if slot.process is not None and slot.process.poll() is None]
    for process in alive:
        process.terminate()
    deadline = time.monotonic() + STOP_S
    while any(process.poll() is None for process in alive) and time.monotonic() < deadline and not hurry.is_set():
        time.sleep(0.05)
    for process in alive:
        process.kill()
        process.wait()


def watch_parent(orphaned: Callable[[], None], parent: int) -> threading.Thread:
    """In a child: call `orphaned` once when the supervisor is gone."""

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        orphaned()

    thread = threading.Thread(target=look, name="parent-watch", daemon=True)
    thread.start()
    return thread


def take_over(command: list[str]) -> None:
    """Become the supervisor: same process, same socket, fresh program. Does not return."""
    fd = os.environ.get("TIEBACK_LISTEN_FD")
    if fd:
        os.set_inheritable(int(fd), True)
    log.warning("supervisor.replaced", extra=about(pid=os.getpid(), stop_with=f"kill {os.getpid()}"))
    os.execv(sys.executable, [sys.executable, "-m", "console.cli", *command])  # noqa: S606
