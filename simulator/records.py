"""Where the pretend Procore keeps its records: shelves of one resource in one company or project."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

Json = dict[str, Any]

_ZONE = 598_134_000_000_000


@dataclass(frozen=True)
class Snapshot:
    """A record as it stood; bodies are replaced, never altered, so readers need no lock."""

    body: Json
    deleted: bool = False


@dataclass
class Record:
    resource: str
    id: int
    company_id: int
    project_id: int | None = None
    parent_id: int | None = None
    now: Snapshot | None = None
    past: list[tuple[float, Snapshot | None]] = field(default_factory=list)

    @property
    def live(self) -> bool:
        return self.now is not None and not self.now.deleted

    @property
    def body(self) -> Json:
        return self.now.body if self.now else {}

    def seen(self, since: float) -> Snapshot | None:
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

    def next(self, kind: str) -> int:
        with self._guard:
            count = self._given[kind] = self._given.get(kind, -1) + 1
        return _ZONE + zlib.crc32(kind.encode()) % 9000 * 100_000 + self._offset + count


class Shelves:
    """Records by resource, then by the company or project that owns them, then by id."""

    def __init__(self) -> None:
        self._by_resource: dict[str, dict[int, dict[int, Record]]] = {}

    def copy(self) -> Shelves:
        """Other records, the same bodies."""
        other = Shelves()
        for scopes in self._by_resource.values():
            for shelf in scopes.values():
                for record in shelf.values():
                    other.put(replace(record, past=[]))
        return other

    def put(self, record: Record) -> None:
        scopes = self._by_resource.setdefault(record.resource, {})
        scopes.setdefault(record.project_id or record.company_id, {})[record.id] = record

    def of(self, resource: str, scope_id: int) -> list[Record]:
        return list(self._by_resource.get(resource, {}).get(scope_id, {}).values())

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
