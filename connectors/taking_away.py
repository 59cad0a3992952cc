"""Files that go for good, with what we noted of them: appends that were made once, documents of a mirrored folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from connectors import walking
from connectors.rooted import Rooted


def take_away(root: Path, path: str, *, dry: bool = False) -> list[str]:
    """Remove a file, or a folder with all that is below it; the paths of the files there were. Paths count from the root.

    Nothing is followed that leads elsewhere. Folders above it that are empty then go as well.
    """
    *folders, name = path.split("/")
    with suppress(FileNotFoundError, NotADirectoryError), walking.folder(root, folders, make=False) as here:
        found = _files(here, name, path)
        if dry:
            return found
        for one in found:
            with Rooted(root).locked(one):
                os.unlink(one.removeprefix("".join(f"{part}/" for part in folders)), dir_fd=here)
        with suppress(NotADirectoryError, FileNotFoundError):
            shutil.rmtree(name, dir_fd=here)
        _forget(root, [path, *found])
        _tidy(root, folders)
        return found
    if not dry:
        _forget(root, [path])
    return []


def named(root: Path, name: str) -> list[str]:
    """The folders of this name below the root, those of ours left out."""
    found = []
    for here, folders, _ in os.walk(root, followlinks=False):
        if walking.OWN in folders:
            folders.remove(walking.OWN)
        if name in folders and not (Path(here) / name).is_symlink():
            folders.remove(name)
            found.append(str((Path(here) / name).relative_to(root)))
    return found


def is_file(root: Path, path: str) -> bool:
    *folders, name = path.split("/")
    with suppress(OSError), walking.folder(root, folders, make=False) as here:
        return stat.S_ISREG(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode)
    return False


def _files(here: int, name: str, path: str) -> list[str]:
    """The paths of the files that go, from the files root. Raises: FileNotFoundError."""
    if not stat.S_ISDIR(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode):
        return [path]
    above = path.removesuffix(name)
    return [f"{above}{folder}/{one}" for folder, _, files, _ in os.fwalk(name, dir_fd=here) for one in files]


def _forget(root: Path, paths: list[str]) -> None:
    with suppress(FileNotFoundError), walking.folder(root, (walking.OWN,), make=False) as own:
        for path in paths:
            digest = hashlib.sha256(path.encode()).hexdigest()
            walking.unlink(own, f"appends-{digest[:32]}")
            with suppress(FileNotFoundError):
                shutil.rmtree(f"mirrors/{digest[:16]}", dir_fd=own)


def _tidy(root: Path, folders: list[str]) -> None:
    while folders:
        *folders, name = folders
        try:
            with walking.folder(root, folders, make=False) as here:
                os.rmdir(name, dir_fd=here)
        except OSError:
            return
