"""What a measurement ran on: processors, memory, system, and the versions of what was measured."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests import services

PARTS = ("tieback", "flask", "dramatiq", "sqlalchemy", "psycopg", "redis", "granian")
PROGRAMS = {
    "PostgreSQL": ("postgres", "/usr/lib/postgresql/*/bin/postgres"), "Redis": ("redis-server",), "Node.js": ("node",),
}  # fmt: skip


def about() -> dict[str, Any]:
    """As it is now; `load` is the mean number of waiting processes over 1, 5 and 15 minutes."""
    versions = {"Python": platform.python_version(), **{name: version(name) for name in PARTS}}
    for name, words in PROGRAMS.items():
        versions |= _of_program(name, *words)
    return {
        "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "processor": _field("/proc/cpuinfo", "model name") or platform.machine(), "processors": os.cpu_count(),
        "memory_mb": int((_field("/proc/meminfo", "MemTotal") or "0").split()[0]) // 1024, "load": os.getloadavg(),
        "versions": versions,
    }  # fmt: skip


def _of_program(name: str, program: str, *places: str) -> dict[str, str]:
    """What the program says of its version, or nothing where it is not installed."""
    try:
        said = subprocess.run(
            [services.program(program, *places), "--version"], capture_output=True, text=True, timeout=20
        ).stdout
    except (AssertionError, OSError, subprocess.SubprocessError):
        return {}
    found = re.search(r"\d+(\.\d+)+", said)
    return {name: found.group()} if found else {}


def _field(path: str, name: str) -> str:
    """The value of the first `name: value` line of a file of the kernel; '' where there is none."""
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "")
