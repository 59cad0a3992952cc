"""Find the words of a package whose unit of growth is one file, such as `automations.actions`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType


@cache
def names(package: str) -> tuple[str, ...]:
    """Module names in a package, sorted, without importing them; a leading underscore hides one."""
    found = importlib.import_module(package)
    return tuple(sorted(m.name for m in pkgutil.iter_modules(found.__path__) if not m.name.startswith("_")))


def load(package: str, name: str) -> ModuleType:
    return importlib.import_module(f"{package}.{name}")
