"""Who holds a part of a quota: processes by a name that tells whether one of this machine has ended.

A call that died with its process is over. Without this it would count as under way until the longest call has passed,
and while the quota is not known yet, when only one call may be out, it would hold everybody up.
"""

from __future__ import annotations

import os
import socket
import uuid
from contextlib import suppress
from pathlib import Path


def name_here() -> str:
    """host/pid/start/number: no other process has it, and its neighbours can look whether it is alive."""
    pid = os.getpid()
    return f"{socket.gethostname()}/{pid}/{_started(pid) or ''}/{uuid.uuid4().hex[:8]}"


def has_ended(holder: str) -> bool:
    """True only for a process of this machine that is surely gone."""
    host, pid, started, _ = [*holder.split("/"), "", "", "", ""][:4]
    if host != socket.gethostname() or not pid.isdigit() or not started:
        return False
    return _started(int(pid)) != started


def _started(pid: int) -> str | None:
    """When it began, in ticks since the start of the machine; None when there is none of that number, or nobody can tell."""
    with suppress(OSError, IndexError):
        # The name in brackets may hold anything; the state is the first word behind it, the start the twentieth.
        state, *rest = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return None if state in "ZX" else rest[18]
    return None
