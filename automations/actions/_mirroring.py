"""What is known of a mirrored folder: a note per document, and who has which name. All of it survives any crash.

A name is reserved for a document before its file is written, and the note follows the file, so an attempt that is done
again writes the same bytes to the same place.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import Annotated, Any, BinaryIO

from pydantic import Field

from automations.actions._files import FilePath
from automations.actions._shapes import Text
from automations.tools import Procore
from automations.written import Strict
from config.errors import Permanent
from connectors.names import marked, safe
from connectors.rooted import Rooted

Note = dict[str, Any]


class Document(Strict):
    """A document as a rule names it; `folder` is below that of the mirror."""

    id: Annotated[Text, Field(min_length=1)]
    name: Annotated[Text, Field(min_length=1)]
    url: Text
    version: Text | None = None
    sha256: Text | None = None
    folder: FilePath | None = None


@contextmanager
def downloaded(connector: Procore, url: str, max_bytes: int) -> Iterator[tuple[BinaryIO, str]]:
    """The bytes, on disk, and their SHA-256."""
    with TemporaryFile() as file:
        connector.download(url, file, max_bytes)
        file.seek(0)
        yield file, _digest(file)


def _digest(file: BinaryIO) -> str:
    found = hashlib.sha256()
    while block := file.read(1 << 20):
        found.update(block)
    return found.hexdigest()


class Mirror:
    """One mirrored folder below a root."""

    def __init__(self, root: Rooted, folder: str, ready: Callable[[], None]):
        self._root, self._folder, self._ready = root, folder, ready
        place = hashlib.sha256(root.shown(folder).encode()).hexdigest()[:16]
        self._notes, self._names, self._days = (root.own("mirrors", place, part) for part in ("notes", "names", "days"))

    def note(self, id: str) -> Note | None:
        """`{id, name, path, version, sha256, bytes, older}`; None for a document that is new."""
        found: Note | None = self._read(self._notes, _key(id))
        return found

    def shown(self, note: Note) -> str:
        """The path as it stands, counted from the files root."""
        return self._root.shown(note["path"])

    def ids(self) -> list[str]:
        notes = (self._read(self._notes, name) for name in self._notes.names())
        return [note["id"] for note in notes if note is not None]

    def has(self, note: Note | None, document: Document) -> bool:
        """Whether it stands here already, by version or by checksum."""
        if note is None or self._root.bytes_of(note["path"]) != note["bytes"]:
            return False
        if document.sha256 is not None:
            return bool(document.sha256 == note["sha256"])
        return document.version is not None and document.version == note["version"]

    def store(self, document: Document, note: Note | None, file: BinaryIO, digest: str) -> tuple[str, Note]:
        """Put the bytes where they belong; says `added`, `updated` or `kept`."""
        same = note is not None and note["sha256"] == digest and self._root.bytes_of(note["path"]) == note["bytes"]
        path = note["path"] if note else self._reserved(document)
        older = list(note["older"]) if note else []
        if not same:
            if note is not None and (old := self._set_aside(note)) is not None:
                older.append(old)
            file.seek(0)
            self._root.replace(path, lambda draft: shutil.copyfileobj(file, draft), self._ready)
        fresh = {
            "id": document.id, "name": document.name, "path": path, "version": document.version, "sha256": digest,
            "bytes": self._root.bytes_of(path), "older": older,
        }  # fmt: skip
        self._write(self._notes, _key(document.id), fresh)
        return "kept" if same else "updated" if note else "added", fresh

    def _reserved(self, document: Document) -> str:
        """A path that is this document's alone: its name, or where another has that, its name and a mark of its id."""
        folder = f"{self._folder}/{document.folder}" if document.folder else self._folder
        name = safe(document.name)
        for candidate in (name, marked(name, _key(document.id)[:8])):
            path = f"{folder}/{candidate}"
            if self._reserve(path, document.id):
                return path
        raise Permanent(f"{self._root.shown(path)} is there and belongs to nothing that is known. Move it away.", kind="exists")

    def _reserve(self, path: str, id: str) -> bool:
        def change(owner: bytes) -> bytes:
            foreign = not owner and self._root.bytes_of(path) is not None
            return owner if owner or foreign else id.encode("utf-8", "surrogatepass")

        self._names.edit(_key(path), change, self._ready)
        with self._names.read(_key(path)) as file:
            return file.read() == id.encode("utf-8", "surrogatepass")

    def _set_aside(self, note: Note) -> Note | None:
        """Keep the bytes of the version before; None when they are not there any more."""
        try:
            with self._root.read(note["path"]) as file:
                if _digest(file) != note["sha256"]:
                    return None  # altered by hand, or already the new version of an attempt that died
                file.seek(0)
                folder, _, name = note["path"].rpartition("/")
                path = f"{folder}/{marked(name, safe('v' + (note['version'] or note['sha256'][:8])))}"
                self._root.replace(path, lambda draft: shutil.copyfileobj(file, draft), self._ready)
        except Permanent as error:
            if error.kind != "absent":
                raise
            return None
        return {"path": path, "version": note["version"], "sha256": note["sha256"]}

    def remove(self, ids: Sequence[str], most: int, day: str) -> tuple[int, list[str]]:
        """Take documents away, at most so many a day; says how many, and the names of those that stay for now."""
        known = [(id, note) for id in ids if (note := self.note(id)) is not None]
        allowed = self._allowed([id for id, _ in known], most, day) if known else set()
        for id, note in known:
            if id in allowed:
                for path in (*(old["path"] for old in note["older"]), note["path"]):
                    self._root.remove(path, self._ready)
                self._names.remove(_key(note["path"]), self._ready)
                self._notes.remove(_key(id), self._ready)
        held = [self.shown(note) for id, note in known if id not in allowed]
        return len(known) - len(held), held

    def _allowed(self, ids: Iterable[str], most: int, day: str) -> set[str]:
        """Those that may go today. Written down before anything goes, so that an attempt that died does not count twice."""
        granted: list[str] = []

        def change(text: bytes) -> bytes:
            granted[:] = json.loads(text or b"[]")
            granted.extend([id for id in ids if id not in set(granted)][: max(0, most - len(granted))])
            return json.dumps(granted).encode()

        self._days.edit(day, change, self._ready)
        return set(granted)

    def _read(self, place: Rooted, name: str) -> Any:
        try:
            with place.read(name) as file:
                return json.loads(file.read())
        except Permanent as error:
            if error.kind != "absent":
                raise
            return None

    def _write(self, place: Rooted, name: str, value: Any) -> None:
        text = json.dumps(value).encode()
        place.replace(name, lambda draft: draft.write(text), self._ready)


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]
