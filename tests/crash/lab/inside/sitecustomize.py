"""Loaded by Python itself in the children of a crash-lab run, whose path begins with this folder, and nowhere else.

The product has no switch for any of this: modules are changed here, right after they were loaded.
"""

from __future__ import annotations

import importlib.machinery
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from tests.crash.lab.inside import planted, probes, times

CHANGES: dict[str, list[Callable[[ModuleType], None]]] = {}


def _collect() -> None:
    chosen = [name for name in os.environ.get("CRASHLAB_BUGS", "").split(",") if name]
    all_: list[dict[str, Callable[[ModuleType], None]]] = [
        times.CHANGES,
        *(planted.BUGS[name] for name in chosen),
        probes.CHANGES,
    ]
    for found in all_:
        for module, change in found.items():
            CHANGES.setdefault(module, []).append(change)


class _Finder:
    """Finds the modules to be changed as Python would, and changes them before anybody sees them."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name not in CHANGES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        assert spec is not None
        loader: Any = spec.loader
        load = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            for change in CHANGES[name]:
                change(module)

        loader.exec_module = exec_module
        return spec


if "CRASHLAB_PROBES" in os.environ:
    _collect()
    sys.meta_path.insert(0, _Finder())  # type: ignore[arg-type]
