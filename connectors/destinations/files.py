"""`kind: files`: a folder below TIEBACK_FILES_ROOT, with a quota of its own if it should have one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from config.errors import Permanent
from connectors.names import parts
from connectors.reader import Reader
from connectors.rooted import Rooted

KEYS = ("folder", "quota", "readable_by")
_UNITS = {"": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "TB": 1000**4}


@dataclass(frozen=True)
class Definition:
    """`folder` counts from the files root; `quota` is bytes, None for no limit; `group` lets the folder's group read."""

    name: str
    folder: str
    quota: int | None
    group: bool

    def load(self, env: Mapping[str, str], folder: Path) -> Definition:
        return self

    def below(self, root: Path) -> Rooted:
        """The folder itself, in this files root."""
        return Rooted(root, self.folder, quota=self.quota, group=self.group)


def parse(top: Reader, name: str) -> Definition:
    group = top.choice("readable_by", ("owner", "group"), default="owner") == "group"
    return Definition(name, folder_of(top, "folder", name), quota_of(top), group)


def folder_of(top: Reader, key: str, default: str) -> str:
    """A folder below the files root; the destination's own name when there is none."""
    written = top.text(key) or default
    try:
        kept = written == "/".join(parts(written)) or not written
    except Permanent as error:
        top.wrong("03", top.mark(key), f"{key}: {error}")
        return default
    if not kept:
        top.wrong(
            "03", top.mark(key), f'{key} "{written[:80]}" has signs that not every disk takes. Use letters, digits, - and _.'
        )
    return written


def quota_of(top: Reader) -> int | None:
    """Bytes, written as 500MB or 2 GB."""
    node = top.values.get("quota")
    if node is None:
        return None
    match = re.fullmatch(r"(\d{1,6}) ?(KB|MB|GB|TB)?", str(node.value))
    if match is None or not int(match[1]):
        top.wrong("03", node.mark, "quota is a size, such as 500MB or 2GB.", "500MB")
        return None
    return int(match[1]) * _UNITS[match[2] or ""]
