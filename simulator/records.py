"""Where the pretend Procore keeps its records: shelves of one resource in one company or project."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

Json = dict[str, Any]

_ZONE = 598_134_000_000_000


class Seen(Protocol):
    """A record as it stood. `at` reads one key of the body, for those who need no more."""

    @property
    def body(self) -> Json: ...

    @property
    def deleted(self) -> bool: ...

    def at(self, key: str) -> Any: ...


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Bodies are replaced, never altered, so readers need no lock."""

    body: Json
    deleted: bool = False

    def at(self, key: str) -> Any:
        return self.body.get(key)


@dataclass(slots=True)
class Record:
    resource: str
    id: int
    company_id: int
    project_id: int | None = None
    parent_id: int | None = None
    now: Seen | None = None
    past: list[tuple[float, Seen | None]] = field(default_factory=list)

    @property
    def live(self) -> bool:
        return self.now is not None and not self.now.deleted

    @property
    def body(self) -> Json:
        return self.now.body if self.now else {}

    def seen(self, since: float) -> Seen | None:
        """What a reader finds who is shown nothing newer than `since`; None: not there yet."""
        for replaced_at, before in self.past:
            if replaced_at > since:
                return before
        return self.now


class Ids:
    """Ids as newer Procore zones give them, above 2^32; the same seed gives the same ids."""

    def __init__(self, seed: int) -> None:
        self._offset = 1001 + seed * 7919 % 50_000
        self._given: dict[str, int] = {}
        self._guard = threading.Lock()

    def copy(self) -> Ids:
        other = Ids(0)
        other._offset, other._given = self._offset, dict(self._given)
        return other

    def jump_back(self, earlier: Ids) -> None:
        """Give again what was given since."""
        with self._guard:
            self._given = dict(earlier._given)

    def next(self, kind: str) -> int:
        return self.take(kind, 1)

    def take(self, kind: str, count: int) -> int:
        """The first of that many ids in a row."""
        with self._guard:
            first = self._given.get(kind, -1) + 1
            self._given[kind] = first + count - 1
        return _ZONE + zlib.crc32(kind.encode()) % 9000 * 100_000 + self._offset + first


class Shelves:
    """Records by resource, then by the company or project that owns them, then by id."""

    def __init__(self) -> None:
        self._by_resource: dict[str, dict[int, dict[int, Record]]] = {}
        self._changes: dict[tuple[str, int], int] = {}

    def copy(self) -> Shelves:
        """Other records, the same bodies."""
        other = Shelves()
        for scopes in self._by_resource.values():
            for shelf in scopes.values():
                for record in shelf.values():
                    other.put(replace(record, past=[]))
        return other

    def after(self, earlier: Shelves) -> Shelves:
        """Itself, with counts of changes that nobody can take for those of the shelves it replaces."""
        for key in {*self._changes, *earlier._changes}:
            self._changes[key] = self._changes.get(key, 0) + earlier._changes.get(key, 0) + 1
        return self

    def put(self, record: Record) -> None:
        scopes = self._by_resource.setdefault(record.resource, {})
        scopes.setdefault(record.project_id or record.company_id, {})[record.id] = record
        self.touch(record)

    def touch(self, record: Record) -> None:
        """Note that a record of its shelf is another now."""
        key = record.resource, record.project_id or record.company_id
        self._changes[key] = self._changes.get(key, 0) + 1

    def changes(self, resource: str, scope_id: int) -> int:
        """How often something on that shelf has changed: while it is the same, so is every list of it."""
        return self._changes.get((resource, scope_id), 0)

    def size(self, resource: str, scope_id: int) -> int:
        return len(self._by_resource.get(resource, {}).get(scope_id, {}))

    def of(self, resource: str, scope_id: int) -> list[Record]:
        return list(self._by_resource.get(resource, {}).get(scope_id, {}).values())

    def of_company(self, resource: str, company_id: int) -> list[Record]:
        """Those of the company and of all its projects."""
        shelves = list(self._by_resource.get(resource, {}).values())
        return [record for shelf in shelves for record in list(shelf.values()) if record.company_id == company_id]

    def sample(self, resource: str) -> Json:
        """The body of any record, for its keys; empty when there is none."""
        shelves = list(self._by_resource.get(resource, {}).values())
        return next((record.body for shelf in shelves for record in list(shelf.values())[:1]), {})

    def find(self, resource: str, record_id: int, scope_id: int | None = None) -> Record | None:
        scopes = self._by_resource.get(resource, {})
        if scope_id is not None:
            return scopes.get(scope_id, {}).get(record_id)
        return next((shelf[record_id] for shelf in list(scopes.values()) if record_id in shelf), None)

    def counts(self) -> Iterator[tuple[str, int]]:
        """Live records of each resource, whoever owns them."""
        for resource, scopes in sorted(self._by_resource.items()):
            records = [record for shelf in list(scopes.values()) for record in list(shelf.values())]
            yield resource, sum(1 for record in records if record.live)
