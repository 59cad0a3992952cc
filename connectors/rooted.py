"""One folder that files are written below, and no way out of it.

Every path is walked from the folder's own descriptor, part by part, and no part may be a symbolic link: whoever
swaps a folder for a link while we write gains nothing. A file is written under another name in the same folder,
synced and renamed: readers see the old file or the new one, whole, whatever dies in between.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from config.errors import Permanent
from connectors import walking
from connectors.appends import Log
from connectors.drafts import Draft, draft
from connectors.names import parts
from connectors.usage import count, room
from connectors.walking import Told

Ready = Callable[[], None]
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Written:
    """A file that stands. `path` counts from the root, `bytes` is its size, `note` what the writer said of its part."""

    path: str
    bytes: int
    sha256: str
    note: Any = None

    def as_json(self) -> dict[str, Any]:
        return {"path": self.path, "bytes": self.bytes, "sha256": self.sha256}


@dataclass(frozen=True)
class Begun:
    """What stands already where something is appended: its size, and its first bytes."""

    size: int
    head: bytes


class Rooted:
    """A folder, made when it is first written to. May be used from several threads and processes.

    `below` is a folder in it that paths count from; `quota` the most bytes that all files there may take together.
    `group` lets the group of the folder read what is written (0640), which nobody else can otherwise (0600).
    Everything raises Transient when the disk is full, and Permanent, with a sentence, for what will not pass by itself.
    """

    def __init__(self, root: Path, below: str = "", *, quota: int | None = None, group: bool = False):
        self.root, self.quota, self.group = root, quota, group
        self.below = parts(below) if below else ()

    def shown(self, path: str) -> str:
        """The path as it will stand, counted from the root."""
        return "/".join((*self.below, *parts(path)))

    def replace(self, path: str, write: Callable[[Draft], Any], ready: Ready = lambda: None) -> Written:
        """Write a file in the place of what is there. `ready` is called last before the change, and may raise to prevent it."""
        with self._opened(path) as (folder, name), draft(folder, self._room(path), self.group) as made:
            note = write(made)
            made.settle()
            with self.locked(path) as log:
                log.look(folder, name)
                ready()
                self._become(made, folder, name)
            return self._written(path, made, note)

    def append(self, path: str, write: Callable[[Draft, Begun], Any], key: str, ready: Ready = lambda: None) -> Written:
        """Write behind what is there, once per key: what an earlier attempt wrote is found and not written again.

        `write` returns a JSON note that is kept with the key. The whole is copied, so a reader never sees half a row.
        Raises: Permanent(kind="uncertain") when the file was altered or taken away in the very moment of a crash.
        """
        return self._once(path, write, key, ready, absent=False)

    def create(self, path: str, write: Callable[[Draft, Begun], Any], key: str, ready: Ready = lambda: None) -> Written:
        """Write a file that must not be there yet, once per key. Raises: Permanent(kind="exists")."""
        return self._once(path, write, key, ready, absent=True)

    def _once(self, path: str, write: Callable[[Draft, Begun], Any], key: str, ready: Ready, absent: bool) -> Written:
        with self._opened(path) as (folder, name), self.locked(path, logged=True) as log:
            log.look(folder, name)
            if (kept := log.known(key)) is not None:
                return Written(self.shown(path), *kept)
            if absent and walking.size(folder, name) is not None:
                what = f"{self.shown(path)} is there already, and mode: new never overwrites. Make the path differ."
                raise Permanent(what, kind="exists")
            with draft(folder, self._room(path), self.group) as made:
                begun = _copied(folder, name, made)
                made.begin_part()
                note = write(made, begun)
                if made.bytes > begun.size or not begun.size:
                    made.settle()
                    log.intend(key, begun.size, made, note)
                    ready()
                    self._become(made, folder, name)
                    log.settle(key)
                return self._written(path, made, note)

    def edit(self, path: str, change: Callable[[bytes], bytes], ready: Ready = lambda: None) -> Written:
        """Change a small file as a whole while nobody else does; b"" is an absent file, and the same bytes are not written."""
        with self._opened(path) as (folder, name), self.locked(path) as log:
            log.look(folder, name)
            known = walking.whole(folder, name)
            wanted = change(known or b"")
            if wanted == known:
                return Written(self.shown(path), len(wanted), hashlib.sha256(wanted).hexdigest(), False)
            with draft(folder, self._room(path), self.group) as made:
                made.write(wanted)
                made.settle()
                ready()
                self._become(made, folder, name)
                return self._written(path, made, True)

    @contextmanager
    def read(self, path: str) -> Iterator[BinaryIO]:
        """A file's bytes. Raises: Permanent(kind="absent") when there is none, or it is a link, a pipe or a folder."""
        with self._opened(path, make=False) as (folder, name), walking.reading(folder, name) as file:
            yield file

    def bytes_of(self, path: str) -> int | None:
        """The size of a file, None when there is none."""
        try:
            with self._opened(path, make=False) as (folder, name):
                return walking.size(folder, name)
        except Permanent as error:
            if error.kind == "absent":
                return None
            raise

    def remove(self, path: str, ready: Ready = lambda: None) -> bool:
        """False when it was not there."""
        if self.bytes_of(path) is None:
            return False
        with self._opened(path, make=False) as (folder, name), self.locked(path):
            ready()
            return walking.unlink(folder, name)

    def own(self, *path: str) -> Rooted:
        """A folder of our own beside the files, which no rule's path reaches: for what must be known of them."""
        other = Rooted(self.root)
        other.below = (walking.OWN, *path)
        return other

    def names(self) -> list[str]:
        """What is in this folder, sorted; nothing when it is not there."""
        try:
            with Told(self.root), walking.folder(self.root, self.below, make=False) as folder:
                return walking.names(folder)
        except Permanent as error:
            if error.kind == "absent":
                return []
            raise

    @contextmanager
    def locked(self, path: str, logged: bool = False) -> Iterator[Log]:
        """Nobody else changes this path meanwhile, in any process of this machine. Yields what is known of appends to it.

        Never hold two: paths share locks.
        """
        shown = self.shown(path)
        with (
            Told(self.root, path),
            walking.folder(self.root, (walking.OWN,), make=True) as own,
            walking.lock(own, shown),
            closing(Log(own, shown, logged)) as log,
        ):
            yield log

    @contextmanager
    def _opened(self, path: str, make: bool = True) -> Iterator[tuple[int, str]]:
        *folders, name = parts(path)
        with Told(self.root, path), walking.folder(self.root, (*self.below, *folders), make=make, group=self.group) as folder:
            yield folder, name

    def _become(self, made: Draft, folder: int, name: str) -> None:
        before = walking.size(folder, name) or 0
        made.become(name)
        count(self.root, self.below, made.bytes - before)

    def _written(self, path: str, made: Draft, note: Any) -> Written:
        return Written(self.shown(path), made.bytes, made.digest.hexdigest(), note)

    def _room(self, path: str) -> int | None:
        return None if self.quota is None else room(self.root, self.below, self.quota) + (self.bytes_of(path) or 0)


def _copied(folder: int, name: str, made: Draft) -> Begun:
    if walking.size(folder, name) is None:
        return Begun(0, b"")
    with walking.reading(folder, name) as file:
        head = block = file.read(_BLOCK)
        while block:
            made.write(block)
            block = file.read(_BLOCK)
    return Begun(made.bytes, head)
