"""`kind: ics`: calendars that people subscribe to, one file or one per key (a person, a project), below the files root."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from config.errors import Permanent
from connectors.destinations.files import folder_of
from connectors.names import safe
from connectors.reader import Reader

KEYS = ("path", "per_key", "title", "timezone")
ENDING = ".ics"


@dataclass(frozen=True)
class Definition:
    """`path` is a file, or with `per_key` the folder of many; `timezone` is of times that are not all day, UTC when empty."""

    name: str
    path: str
    per_key: bool
    title: str
    timezone: str

    def load(self, env: Mapping[str, str], folder: Path) -> Definition:
        return self

    def path_of(self, key: str | None) -> str:
        """The file of a key, such as a person. Raises: Permanent when a key is wanted and lacks, or the other way round."""
        if self.per_key and not key:
            raise Permanent(
                f"ics:{self.name} has a file per key. Write calendar: with the person's or project's id.", kind="path"
            )
        if not self.per_key and key:
            raise Permanent(f"ics:{self.name} is one file. Take calendar: out, or write per_key: true there.", kind="path")
        return f"{self.path}/{safe(str(key) + ENDING)}" if self.per_key else self.path


def parse(top: Reader, name: str) -> Definition:
    per_key = top.flag("per_key")
    path = folder_of(top, "path", name if per_key else name + ENDING)
    if not per_key and not path.endswith(ENDING):
        top.wrong(
            "03", top.mark("path"), "path is a file that ends in .ics, or a folder together with per_key: true.", f"{path}.ics"
        )
    return Definition(name, path, per_key, top.text("title") or name, _zone(top))


def _zone(top: Reader) -> str:
    name = top.text("timezone") or ""
    try:
        if name:
            zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        top.wrong("03", top.mark("timezone"), f'timezone "{name[:60]}" is not known. Write one such as America/Chicago.')
        return ""
    return name
