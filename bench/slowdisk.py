"""A PostgreSQL whose disk is slow: a preloaded library lets each of its fsyncs take some milliseconds longer."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.databases import missing
from tests import services

SOURCE = Path(__file__).with_name("slow_fsync.c")


@contextmanager
def slow_postgresql(ms: float) -> Iterator[str]:
    """Its URL. `cannot` must have said ''."""
    folder = Path(tempfile.mkdtemp(prefix="tieback-slow-"))
    folder.chmod(0o755)  # PostgreSQL runs as somebody else
    try:
        library = folder / "slow_fsync.so"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE)], check=True)
        env = {"LD_PRELOAD": str(library), "SLOW_US": str(round(ms * 1000))}
        with services.postgresql(env=env) as server:
            yield server.url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def cannot() -> str:
    """Why there can be no such PostgreSQL here, in a sentence; '' when there can."""
    if not shutil.which("gcc"):
        return "the slow disk is left out: gcc is not installed (Debian: apt install gcc libc6-dev)"
    why = missing("postgresql")
    return f"the slow disk is left out: {why}" if why else ""
