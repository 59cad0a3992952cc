"""Folders and files by descriptor: opened part by part from a root, never through a symbolic link."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from config.errors import Permanent, Transient

OWN = ".tieback"  # no safe name begins with a dot, so no path of a rule leads there
MOST_WHOLE = 64 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_LOCKS = 256


@contextmanager
def folder(root: Path, below: Sequence[str], *, make: bool, group: bool = False) -> Iterator[int]:
    """The descriptor of a folder below the root. With `make`, what is missing of it is made, for us alone."""
    if make:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    here = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in below:
            here = _step(here, part, make, group)
        yield here
    finally:
        os.close(here)


def _step(here: int, part: str, make: bool, group: bool) -> int:
    fresh = make and _made(here, part)
    below = os.open(part, _FOLDER, dir_fd=here)
    os.close(here)
    if fresh and group:
        os.fchmod(below, 0o750)  # whatever the umask
    return below


def _made(here: int, part: str) -> bool:
    try:
        os.mkdir(part, 0o700, dir_fd=here)
    except FileExistsError:
        return False
    os.fsync(here)
    return True


@contextmanager
def reading(folder: int, name: str) -> Iterator[BinaryIO]:
    """A regular file's bytes; a pipe or a device is refused before anything waits for it."""
    with os.fdopen(os.open(name, _READ, dir_fd=folder), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.ELOOP, "no regular file")
        yield file


def size(folder: int, name: str) -> int | None:
    """None when there is no such file; a link counts as what it is, not as what it leads to."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "a folder")
    return found.st_size


def whole(folder: int, name: str) -> bytes | None:
    """All of a small file, None when there is none."""
    if size(folder, name) is None:
        return None
    with reading(folder, name) as file:
        found = file.read(MOST_WHOLE + 1)
    if len(found) > MOST_WHOLE:
        raise Permanent(f"{name} is larger than {MOST_WHOLE >> 20} MiB and is not read as a whole.", kind="path")
    return found


def names(folder: int) -> list[str]:
    """What is in a folder, sorted, without what is ours."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if not entry.name.startswith("."))


def unlink(folder: int, name: str) -> bool:
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    os.fsync(folder)
    return True


@contextmanager
def lock(own: int, path: str) -> Iterator[None]:
    """Held until the block ends or the process does. 256 locks serve all paths."""
    number = int(hashlib.sha256(path.encode()).hexdigest()[:8], 16) % _LOCKS
    _made(own, "locks")
    locks = os.open("locks", _FOLDER, dir_fd=own)
    try:
        held = os.open(f"{number:02x}", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=locks)
    finally:
        os.close(locks)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


class Told:
    """What the system says to a path, as an error of the step."""

    def __init__(self, root: Path, path: str = ""):
        self._root, self._where = root, f"{path[:120]!r} below {root}" if path else str(root)

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not isinstance(error, OSError):
            return
        number = error.errno or 0
        if number in (errno.ENOSPC, errno.EDQUOT):
            raise Transient(f"the disk of {self._root} is full. Free some space: it is tried again.", kind="disk_full") from None
        if number in (errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.EINTR, errno.EBUSY):
            raise Transient(f"{self._where}: {error.strerror}", kind="disk") from None
        raise Permanent(f"{self._where}: {_meaning(number, error)}", kind=_KINDS.get(number, "path")) from None


_KINDS = {errno.ENOENT: "absent"}
_MEANINGS = {
    errno.ENOENT: "there is no such file.",
    errno.ELOOP: "a symbolic link or a device stands there, and none is followed. Remove it.",
    errno.ENOTDIR: "a symbolic link or a file stands where a folder should be. Remove it, or write another path.",
    errno.EISDIR: "a folder stands there. Write another path.",
    errno.EACCES: "it may not be written. Give the folder to the user that runs Tieback.",
    errno.EPERM: "it may not be written. Give the folder to the user that runs Tieback.",
    errno.EROFS: "the disk is mounted for reading only.",
    errno.ENAMETOOLONG: "the path is too long for this disk. Use fewer or shorter folders.",
}


def _meaning(number: int, error: OSError) -> str:
    return _MEANINGS.get(number, f"{error.strerror}.")
