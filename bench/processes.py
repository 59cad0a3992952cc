"""What the kernel tells of processes: memory and open descriptors, in megabytes and numbers. Zero for one that is gone."""

from __future__ import annotations

import contextlib
from pathlib import Path


def tree(pid: int) -> list[int]:
    """The process and everything that it started and that still lives."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def status_mb(pid: int, field: str) -> float:
    """`VmRSS`, what is in memory now, or `VmHWM`, the most that ever was."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) / 1024
    return 0.0


def resident_mb(pids: list[int]) -> float:
    return round(sum(status_mb(pid, "VmRSS") for pid in pids), 1)


def descriptors(pids: list[int]) -> int:
    count = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            count += len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return count
