"""What was appended to a file, by key, so that it is appended once whatever dies.

A line is written and synced before the file changes (`intend`) and another one after (`settle`). After a crash the
file itself tells which of the two it was: it has its old size, or its new size with the very bytes that were
meant. The log of a file is read and written only while the file's lock is held.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

from config.errors import Permanent
from connectors import walking
from connectors.drafts import Draft, draft

KEPT = 2_000
_COMPACT_BYTES = 1 << 20
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
Kept = tuple[int, str, Any]


class Log:
    """The log of one path; `make` writes one where there is none yet.

    A line is `{"key", "from", "to", "part", "whole", "note"}` or `{"done" | "undone" | "doubt": key}`.
    """

    def __init__(self, own: int, path: str, make: bool):
        self._own, self._path = own, path
        self._name = "appends-" + hashlib.sha256(path.encode()).hexdigest()[:32]
        text = walking.whole(own, self._name)
        self._file = os.open(self._name, _APPEND, 0o600, dir_fd=own) if make or text is not None else None
        self._intents: dict[str, dict[str, Any]] = {}
        self._ends: dict[str, str] = {}
        self._torn = bool(text) and not (text or b"").endswith(b"\n")
        for line in (text or b"").splitlines():
            self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            return  # cut off by a crash, and then what it announced was not begun
        if "key" in said:
            self._intents[said["key"]] = said
            self._ends.pop(said["key"], None)
            return
        ((end, key),) = said.items()
        self._ends[key] = end

    def look(self, folder: int, name: str) -> None:
        """Settle what a crash left open, by what stands in the file now."""
        if (key := next((key for key in self._intents if key not in self._ends), None)) is not None:
            self._say(_happened(folder, name, self._intents[key]), key)

    def known(self, key: str) -> Kept | None:
        """Size, digest and note of the append with this key; None when it was not made.

        Raises: Permanent(kind="uncertain"), once: whoever asks again has looked, and means to append.
        """
        end = self._ends.get(key)
        if end == "doubt":
            self._say("undone", key)
            raise Permanent(
                f"{self._path} was altered or taken away while a crash left open whether this was appended. "
                "Look into the file; retry the run only if it is not in there.",
                kind="uncertain",
            )
        intent = self._intents[key] if end == "done" else None
        return None if intent is None else (intent["to"], intent["whole"], intent["note"])

    def intend(self, key: str, begins: int, made: Draft, note: Any) -> None:
        part, whole = made.part.hexdigest(), made.digest.hexdigest()
        intent = {"key": key, "from": begins, "to": made.bytes, "part": part, "whole": whole, "note": note}
        self._write(intent)
        assert self._file is not None
        os.fsync(self._file)
        self._intents[key] = intent
        self._ends.pop(key, None)

    def settle(self, key: str) -> None:
        self._say("done", key)
        assert self._file is not None
        if os.fstat(self._file).st_size > _COMPACT_BYTES:
            self._compact()

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)

    def _say(self, end: str, key: str) -> None:
        self._ends[key] = end
        self._write({end: key})

    def _write(self, line: dict[str, Any]) -> None:
        assert self._file is not None
        os.write(self._file, (b"\n" if self._torn else b"") + json.dumps(line).encode() + b"\n")
        self._torn = False

    def _compact(self) -> None:
        """Only the newest are kept: what is older belongs to runs that ended long ago."""
        with draft(self._own, None) as made:
            for key in list(self._intents)[-KEPT:]:
                made.write(json.dumps(self._intents[key]).encode() + b"\n" + json.dumps({self._ends[key]: key}).encode() + b"\n")
            made.settle()
            made.become(self._name)
        self.close()
        self._file = os.open(self._name, _APPEND, 0o600, dir_fd=self._own)
        self._intents = dict(list(self._intents.items())[-KEPT:])


def _happened(folder: int, name: str, intent: dict[str, Any]) -> str:
    size = walking.size(folder, name)
    if size is not None and size >= intent["to"] and _digest(folder, name, intent) == intent["part"]:
        return "done"
    return "undone" if (size or 0) == intent["from"] else "doubt"


def _digest(folder: int, name: str, intent: dict[str, Any]) -> str:
    found = hashlib.sha256()
    with walking.reading(folder, name) as file:
        file.seek(intent["from"])
        left = intent["to"] - intent["from"]
        while left and (block := file.read(min(left, 1 << 20))):
            found.update(block)
            left -= len(block)
    return found.hexdigest()
