"""What a table of the user looks like. Looking closely costs more than writing a row, so it is done anew only when it changed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Connection, MetaData, Table, inspect, text

from store.types import Instant, Json

# What says in one short line whether a table is as it was. A type that somebody made for themselves may change, such as an
# enum by a label, without showing there: a table with one is looked at each time. Source: PostgreSQL's manual, system
# catalogs: object ids of what it brings along lie below 16384, and are the same in every database.
_LINES = {
    "postgresql": text(
        "SELECT CAST(array_agg(concat_ws(' ', attname, atttypid, atttypmod) ORDER BY attnum) AS text) FROM pg_attribute "
        "WHERE attrelid = to_regclass(quote_ident(:name)) AND attnum > 0 AND NOT attisdropped HAVING bool_and(atttypid < 16384)"
    ),
    "sqlite": text("SELECT sql FROM sqlite_master WHERE type = 'table' AND lower(name) = :name"),
}
_MOST = 500
_known: dict[tuple[str, str, str], Table] = {}


def shape(db: Connection, name: str) -> Table | None:
    """A table as it is in this transaction; JSON and moments as ours, so that values travel as we write them. None: no table."""
    line = db.scalar(_LINES[db.dialect.name], {"name": name}) if db.dialect.name in _LINES else None
    if line is None:  # not there, a type of somebody's own, a view, or a database that we know less of
        return _looked_at(db, name)
    key = (db.dialect.name, name, line)
    if (known := _known.get(key)) is None and (known := _looked_at(db, name)) is not None:
        if len(_known) >= _MOST:
            _known.clear()
        _known[key] = known
    return known


def types_of(db: Connection, name: str) -> dict[str, Any] | None:
    """Its column types by their names."""
    table = shape(db, name)
    return None if table is None else {column.name: column.type for column in table.c}


def made_of(name: str, types: dict[str, Any]) -> Table:
    return Table(name, MetaData(), *(Column(c, t) for c, t in types.items()))


def _looked_at(db: Connection, name: str) -> Table | None:
    look = inspect(db)
    if not look.has_table(name):
        return None
    return made_of(name, {column["name"]: _ours(column["type"]) for column in look.get_columns(name)})


def _ours(type_: Any) -> Any:
    kind = type_.__visit_name__.upper()
    if kind in ("JSON", "JSONB"):
        return Json
    return Instant() if kind in ("TIMESTAMP", "DATETIME") else type_
