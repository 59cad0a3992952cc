"""Tables of history: what stood at a moment, added in the transaction of the step that wanted it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, Connection, Float, Integer, MetaData, Numeric, String, Table, Text, func, insert, literal, select
from sqlalchemy.schema import CreateTable

from config.errors import Permanent
from store import queries, shapes, tables
from store.queries import Query
from store.types import Instant

STAMP: dict[str, Any] = {"snapshot_at": Instant(), "snapshot_run": Text(), "snapshot_step": Text()}


def take(db: Connection, into: str, query: Query, stamp: Mapping[str, Any]) -> int:
    """Add the rows of a query to a table of history, in one statement; says how many. Once per run and step.

    `stamp` has the values of STAMP. Raises: Permanent(kind="table").
    """
    tables.check_name(into)
    if into == query.table:
        raise Permanent(f'into: "{into}" is the table itself. Name a table of its own for the history.', kind="table")
    wanted = queries.statement(db, query)
    types = {one.name: one.type for one in wanted.selected_columns}
    _make_room(db, into, types)
    history = queries.of_name(db, into)
    same = (history.c.snapshot_run == stamp["snapshot_run"], history.c.snapshot_step == stamp["snapshot_step"])
    if there := db.scalar(select(func.count()).where(*same)):
        return int(there)
    inner = wanted.subquery()
    stamps = [literal(stamp[name], kind) for name, kind in STAMP.items()]
    names = [*STAMP, *types]
    db.execute(insert(history).from_select(names, select(*stamps, *(inner.c[name] for name in types))))
    return int(db.scalar(select(func.count()).where(*same)) or 0)


def add(db: Connection, into: str, row: Mapping[str, Any], stamp: Mapping[str, Any]) -> int:
    """The same for one row that is at hand."""
    return int(tables.upsert(db, into, ("snapshot_run", "snapshot_step"), {**row, **stamp}, version=None) == "inserted")


def _make_room(db: Connection, into: str, types: Mapping[str, Any]) -> None:
    """The table of history is made, and follows the other one as that is widened."""
    if clash := sorted(set(STAMP) & set(types)):
        raise Permanent(
            f"{into}: the rows have a column {clash[0]} themselves. Take the snapshot of another table.", kind="table"
        )
    known = shapes.types_of(db, into)
    if known is None:
        tables.lock(db, into)
        known = shapes.types_of(db, into)
    if known is None:
        known = _made(db, into, types)
    for name, kind in {**STAMP, **types}.items():
        if name not in known:
            tables.add_column(db, into, name, kind)
    tables.holding(db, into, (), {name: _sample(kind) for name, kind in types.items()})


def _made(db: Connection, into: str, types: Mapping[str, Any]) -> dict[str, Any]:
    if wrong := [name for name in types if not tables.NAME.match(name)]:
        raise Permanent(f'"{wrong[0][:80]}" is no column name; use [a-z][a-z0-9_]*, at most 63 signs', kind="table")
    db.execute(CreateTable(Table(into, MetaData(), *(Column(n, t) for n, t in {**STAMP, **types}.items()))))
    return {**STAMP, **types}


def _sample(kind: Any) -> Any:
    """A value that makes a column as wide as this one."""
    if isinstance(kind, String):
        return "text"
    return 0.5 if isinstance(kind, (Float, Numeric)) else 2 if isinstance(kind, Integer) else None
