"""A file on its way: written under a name of ours beside its place, then renamed into it."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from config.errors import Permanent

_BEGINS, _ENDS = ".tieback-", ".part"
_ABANDONED_S = 600
_FRESH = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Draft(io.RawIOBase):
    """Takes bytes in order; counts and digests them, and stops when `room` bytes are full.

    `bytes` and `digest` are of the whole, `part` is the digest of what came after `begin_part`.
    """

    def __init__(self, folder: int, name: str, file: int, room: int | None):
        super().__init__()
        self._folder, self._name, self._file, self._room = folder, name, file, room
        self.bytes, self.digest, self.part = 0, hashlib.sha256(), hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        if self._room is not None and self.bytes + len(view) > self._room:
            raise Permanent(
                f"the quota of these files is used up: {max(self._room, 0)} bytes are left for this one. "
                "Remove some files, or raise quota: in the destination.",
                kind="quota",
            )
        left = view
        while left:
            left = left[os.write(self._file, left) :]
        self.bytes += len(view)
        self.digest.update(view)
        self.part.update(view)
        return len(view)

    def begin_part(self) -> None:
        self.part = hashlib.sha256()

    def settle(self) -> None:
        os.fsync(self._file)

    def become(self, name: str) -> None:
        """Take the place of `name`; from here on it is there, also after a power cut."""
        os.rename(self._name, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        os.fsync(self._folder)


@contextmanager
def draft(folder: int, room: int | None, group: bool = False) -> Iterator[Draft]:
    """Gone at the end of the block unless it became something."""
    _sweep(folder)
    name = f"{_BEGINS}{secrets.token_hex(8)}{_ENDS}"
    file = os.open(name, _FRESH, 0o600, dir_fd=folder)
    try:
        if group:
            os.fchmod(file, 0o640)  # whatever the umask
        fcntl.flock(file, fcntl.LOCK_EX)  # tells a draft at work from one whose process died
        yield Draft(folder, name, file, room)
    finally:
        os.close(file)
        with suppress(OSError):
            os.unlink(name, dir_fd=folder)


def sweep_below(root: Path, *, dry: bool = False) -> int:
    """Take away the drafts of processes that died, in every folder below the root; how many there were."""
    return sum(_sweep(folder, dry) for _, _, _, folder in os.fwalk(root, follow_symlinks=False))


def _sweep(folder: int, dry: bool = False) -> int:
    """Drafts of processes that died are in nobody's way, but they take room."""
    with os.scandir(folder) as entries:
        found = [entry.name for entry in entries if entry.name.startswith(_BEGINS) and entry.name.endswith(_ENDS)]
    swept = 0
    for name in found:
        with suppress(OSError):
            if time.time() - os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime > _ABANDONED_S:
                _remove_if_dead(folder, name, dry)
                swept += 1
    return swept


def _remove_if_dead(folder: int, name: str, dry: bool) -> None:
    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not dry:
            os.unlink(name, dir_fd=folder)
    finally:
        os.close(file)
