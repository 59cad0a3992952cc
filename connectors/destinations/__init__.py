"""Where data and messages go: one file in the site's `destinations/` each, one module here per `kind:`.

A module has `KEYS`, `parse(reader, name)` and a definition whose `load(env, folder)` gives the object that
actions use. A destination is called `kind:name`, such as `http:erp`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from config import modules
from config.problems import Problem, Problems
from config.yamlfile import Node
from connectors.reader import Reader


class Definition(Protocol):
    """A file that was read; secrets are still references."""

    @property
    def name(self) -> str: ...

    def load(self, env: Mapping[str, str], folder: Path) -> Any:
        """What actions use. Raises: ConfigError when a secret cannot be had or the URL is refused."""


def kinds() -> tuple[str, ...]:
    return modules.names("connectors.destinations")


def parse(node: Node) -> Definition:
    """Raises: Problems, all of them at once, with codes TB400 to TB408."""
    found: list[Problem] = []
    definition = _read(node, found)
    if found or definition is None:
        raise Problems(found)
    return definition


def load(node: Node, env: Mapping[str, str], folder: Path) -> Any:
    """Parse and resolve at once; `folder` is the site."""
    return parse(node).load(env, folder)


def name_of(node: Node) -> str:
    """`kind:name` of a file, as far as it can be read."""
    values = node.unmarked() if isinstance(node.value, dict) else {}
    return f"{values.get('kind')}:{values.get('name')}"


def _read(node: Node, found: list[Problem]) -> Definition | None:
    written = node.value.get("kind") if isinstance(node.value, dict) else None
    kind = written.value if written is not None and written.value in kinds() else None
    module = modules.load("connectors.destinations", kind) if kind else None
    keys = ("format", "kind", "name", *(module.KEYS if module else tuple(node.value if isinstance(node.value, dict) else ())))
    top = Reader(node, keys, "TB4", found)
    if not isinstance(node.value, dict):
        return None
    if top.text("format") not in (None, "1"):
        top.wrong("00", top.mark("format"), "format 1 is the only one this version reads.", "1")
    top.choice("kind", kinds())
    name = top.text("name", required="name is missing. Give the destination a name such as erp.")
    if name is not None and not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", name):
        top.wrong("08", top.mark("name"), f'name "{name[:80]}" does not fit: a-z, 0-9, - and _, at most 63.')
    return module.parse(top, name or "") if module else None
