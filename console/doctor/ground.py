"""Python, our packages, and who we run as."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import console
from console.doctor import Finding

OURS = ("config", "store", "connectors", "automations", "workers", "webhook", "console", "simulator")


def python(_: object) -> Iterator[Finding]:
    yield Finding("python", "ok", f"Python {platform.python_version()} at {sys.prefix}")


def packages(_: object) -> Iterator[Finding]:
    """Our folders are top-level packages: another package of the same name would be imported instead."""
    home = Path(console.__file__).resolve().parent.parent
    foreign = [f"{name} is {place}" for name in OURS if (place := _place(name)) != home / name]
    if foreign:
        mend = "Run Tieback in an environment of its own (make install), and not from a folder that holds such names."
        yield Finding("packages", "wrong", "; ".join(foreign), mend)
    else:
        yield Finding("packages", "ok", f"{len(OURS)} packages, all from {home}")


def _place(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).resolve().parent if spec is not None and spec.origin else None


def user(_: object) -> Iterator[Finding]:
    if os.getuid() == 0:
        yield Finding("user", "warn", "running as root", "Give Tieback a user of its own; it needs no rights beyond its folder.")
    else:
        yield Finding("user", "ok", f"running as user {os.getuid()}, not root")


LOOKS = (python, packages, user)
