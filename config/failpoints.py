"""Named places where a crash test may stop the process; nothing at all in production.

`TIEBACK_FAILPOINTS=door.after_commit:kill@3,run.applied:raise` with `TIEBACK_TESTING=1`: at the third
hit of the first point the process ends as by SIGKILL, at each hit of the second an error is raised.
`config.settings` refuses to start with failpoints and without the testing switch.
"""

from __future__ import annotations

import os
import signal
import threading
import time

NAMES = (
    "door.before_commit", "door.after_commit", "door.before_reply",
    "sort.before_commit", "sort.after_commit",
    "fetch.claimed", "fetch.read", "fetch.before_commit", "fetch.after_commit",
    "run.claimed", "run.intended", "run.applied", "run.before_finish", "run.finished",
    "operation.before_commit", "operation.after_commit",
    "relay.rung",
)  # fmt: skip


class FailpointError(RuntimeError):
    """What `raise` raises; no code of ours catches it by name."""


_lock = threading.Lock()
_armed: dict[str, tuple[str, int]] = {}


def arm(text: str, testing: bool) -> None:
    """Arm points from `name:kill|stop|sleep|raise[@nth]`, comma-separated. Nothing happens unless `testing`.

    Raises: ValueError for a name or a deed that does not exist.
    """
    _armed.clear()
    for part in filter(None, text.split(",")) if testing else ():
        name, _, deed = part.strip().partition(":")
        deed, _, nth = deed.partition("@")
        if name not in NAMES or deed not in ("kill", "stop", "sleep", "raise"):
            raise ValueError(f"{part!r} is no failpoint; names: {', '.join(NAMES)}")
        _armed[name] = (deed, int(nth or 1))


def hit(name: str) -> None:
    """Called at the named place; a dictionary look-up when nothing is armed."""
    if not _armed or name not in _armed:
        return
    with _lock:
        deed, left = _armed[name]
        _armed[name] = (deed, left - 1)
    if left == 1 or (deed == "raise" and left < 1):
        _do(deed, name)


def _do(deed: str, name: str) -> None:
    if deed == "raise":
        raise FailpointError(name)
    if deed == "sleep":
        time.sleep(30)
    else:
        os.kill(os.getpid(), signal.SIGKILL if deed == "kill" else signal.SIGSTOP)
