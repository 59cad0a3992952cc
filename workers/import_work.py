"""One claim of an import: what it works with, and how each page is committed together with its checkpoint."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError, StatementError

from config.errors import Permanent, Transient
from connectors import catalogue
from connectors.catalogue import Resource
from connectors.kinds.procore_dmsa import Procore, known
from connectors.reading import Json
from store import calls, imports, landing, tables
from store.landing import Place
from store.leases import Held
from store.session import passes_by_itself, reading, retrying, writing
from workers.desk import Desk

Counts = dict[str, int]
COUNTED = ("new", "changed", "unchanged", "deleted", "calls")


@dataclass
class Part:
    """A list being read, as its row has it; `position` and `counts` change with each commit."""

    id: int
    resource: Resource
    project_id: str
    parent_id: str
    state: str
    position: Json
    counts: Counts
    began: dt.datetime | None = None
    reason: str | None = None

    @property
    def called(self) -> str:
        """For sentences: `RFIs in project 12`."""
        under = f" under {self.resource.list_parent} {self.parent_id}" if self.parent_id else ""
        return self.resource.name + (f" in project {self.project_id}" if self.project_id else "") + under


def part_of(row: Any) -> Part:
    resource = known(row.resource)
    return Part(row.id, resource, row.project_id, row.parent_id, row.state, dict(row.position), dict(row.counts or {}),
                row.started_at, row.reason)  # fmt: skip


@dataclass
class Work:
    """`counts` adds up per resource what all parts have done."""

    desk: Desk
    held: Held
    row: Any
    procore: Procore
    counts: dict[str, Counts] = field(default_factory=dict)
    progressed: bool = False
    tables: dict[str, Table] = field(default_factory=dict)  # known to be there, since what made them was committed
    _made: dict[str, Table] = field(default_factory=dict)

    def place(self, part: Part) -> Place:
        of = part.resource
        company = self.procore.connector.company_id
        table = (self.row.options or {}).get("table") or of.table
        return Place(self.row.connector, company, part.project_id, of.name, table, of.list_lacks)

    def land(self, db: Connection, part: Part, records: list[Json]) -> Counts:
        """Keep records in this transaction; what came of them."""
        at = self.place(part)
        landed = landing.land(db, at, records, lambda body: catalogue.record_hash(part.resource, body), self.tables.get(at.table))
        if landed.table is not None and tables.is_plain(landed.table):
            self._made[at.table] = landed.table
        return {"new": landed.new, "changed": landed.changed, "unchanged": landed.unchanged, "nameless": landed.nameless}

    def commit(
        self,
        part: Part,
        state: str,
        *,
        position: Json | None = None,
        change: Callable[[Connection], Mapping[str, int]] | None = None,
        reason: str | None = None,
        **also: int,
    ) -> None:
        """Do `change` and note how far the part is, in one transaction that proves the lease.

        Raises: LostLease; Permanent when the tables cannot take what was read; Transient when the database is away.
        """
        self.desk.keeper.still_mine(self.held)
        here = part.position if position is None else position
        values = {"position": here, "reason": reason}
        try:
            mine, all_of_it = self._committed(part, state, values, change, also)
        except DBAPIError as error:
            if passes_by_itself(error):
                raise Transient("the database is busy or was away for a moment", kind="store") from error
            raise _refused(part, error) from None
        except StatementError as error:
            raise _refused(part, error) from None
        self.desk.call_log.take()
        part.state, part.position, part.counts, part.reason = state, here, mine, reason
        self.counts, self.progressed = all_of_it, True
        self.tables.update(self._made)

    @retrying
    def _committed(
        self, part: Part, state: str, values: Json, change: Callable[[Connection], Mapping[str, int]] | None, also: Counts
    ) -> tuple[Counts, dict[str, Counts]]:
        made = self.desk.call_log.shown()
        self._made.clear()
        with writing(self.desk.engine) as db:
            done = {**also, **(change(db) if change else {}), "calls": len(made)}
            mine = _added(part.counts, done)
            all_of_it = {**self.counts, part.resource.name: _added(self.counts.get(part.resource.name, {}), done)}
            imports.keep_counts(db, self.held, all_of_it)
            imports.checkpoint(db, part.id, state, counts=mine, **values)
            calls.log_calls(db, made)
        return mine, all_of_it

    def begin(self, part: Part) -> dt.datetime:
        """When the reading of this part began, by the database's clock."""
        if part.began is None:
            with writing(self.desk.engine) as db:
                part.began = imports.begin(db, part.id)
        return part.began

    def seen(self, part: Part) -> tuple[int, int]:
        """(known, unseen): how many records of the list we have, and how many of them this reading has not met."""
        with reading(self.desk.engine) as db:
            return landing.count(db, self.place(part), self.begin_of(part))

    def begin_of(self, part: Part) -> dt.datetime:
        assert part.began is not None
        return part.began


def _added(counts: Mapping[str, int], done: Mapping[str, int]) -> Counts:
    return {key: counts.get(key, 0) + done.get(key, 0) for key in {**counts, **done}}


def _refused(part: Part, error: StatementError) -> Permanent:
    said = " ".join(str(error.orig or error).split())[:300]
    return Permanent(f"{part.called}: the table {part.resource.table} does not take these rows: {said}", kind="value")
