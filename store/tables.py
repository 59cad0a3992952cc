"""Tables that users query: made and widened as rules write to them, never narrowed.

`row: ${record}` gives the standard columns; any other row gets one column per key. Names are checked
against a pattern before they come near SQL, values are always bound.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    Double,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    and_,
    func,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.schema import CreateTable
from sqlalchemy.types import TypeEngine

from config.errors import Permanent
from store.events import insert
from store.types import Instant, Json

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
STANDARD: dict[str, Any] = {
    "connector": Text(), "company_id": Text(), "project_id": Text(), "id": Text(), "updated_at": Instant(),
    "deleted_at": Instant(), "fetched_at": Instant(), "event_id": BigInteger(), "run_id": BigInteger(),
    "record_hash": Text(), "body": Json,
}  # fmt: skip
STANDARD_KEY = ("connector", "id")
VERSION = "row_version"  # what `if_newer` compares in tables without the standard columns
# Wider to the right; a column only ever moves right.
_WIDER: list[type[TypeEngine[Any]]] = [Boolean, BigInteger, Double, Text]


def upsert(
    db: Connection, name: str, key: tuple[str, ...], row: Mapping[str, Any], *, version: str | None, deletes: bool = False
) -> str:
    """Write one row; says `inserted`, `updated`, `unchanged` or `older`.

    `version` names the column whose newer value wins (with `fetched_at` deciding between equals), or is None.
    `deletes` True marks instead: only `deleted_at` is set on a row that is there.
    """
    table = _table(db, name, key, row)
    for _ in range(3):
        found = db.execute(select(table).where(_same(table, key, row)).with_for_update()).first()
        if found is None:
            if _inserted(db, table, row):
                return "inserted"
            continue  # somebody else inserted it between the two statements: look again
        outcome = _against(dict(found._mapping), row, version)
        if outcome == "updated":
            values = {"deleted_at": row["deleted_at"]} if deletes else dict(row)
            db.execute(update(table).where(_same(table, key, row)).values(values))
        return outcome
    raise Permanent(f"{name}: the row {_shown(key, row)} keeps changing under us", kind="conflict")


def _against(known: Mapping[str, Any], row: Mapping[str, Any], version: str | None) -> str:
    if version is not None and _loses(known, row, version):
        return "older"
    ignored = {"fetched_at", "event_id", "run_id"}
    if all(known.get(c) == row[c] for c in row if c not in ignored):
        return "unchanged"
    return "updated"


def _loses(known: Mapping[str, Any], row: Mapping[str, Any], version: str) -> bool:
    there, new = known.get(version), row.get(version)
    gone = known.get("deleted_at")
    if gone is not None and isinstance(new, dt.datetime) and new <= gone and row.get("deleted_at") is None:
        return True  # what we read before it was deleted does not bring it back
    if there is None or new is None:
        return False
    if there == new and known.get("fetched_at") and row.get("fetched_at"):
        return bool(known["fetched_at"] > row["fetched_at"])
    return bool(there > new)


def _inserted(db: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    made = insert(db, table).values(dict(row)).on_conflict_do_nothing().returning(table.c[next(iter(row))])
    return db.execute(made).first() is not None


def _same(table: Table, key: tuple[str, ...], row: Mapping[str, Any]) -> Any:
    return and_(*(table.c[column] == row[column] for column in key))


def _table(db: Connection, name: str, key: tuple[str, ...], row: Mapping[str, Any]) -> Table:
    """The table as it is, made or widened so that it can hold `row`."""
    if not NAME.match(name) or name.startswith("tieback_"):
        raise Permanent(f'"{name}" is no table a rule may write; use [a-z][a-z0-9_]*, not beginning with tieback_', kind="table")
    for column in row:
        if not NAME.match(column):
            raise Permanent(f'{name}: "{column[:80]}" is no column name; use [a-z][a-z0-9_]*, at most 63 signs', kind="table")
    known = _known(db, name)
    if known is None:
        _lock(db, name)
        known = _known(db, name) or _create(db, name, key, row)
    if any(_wider(known[c], row[c]) is not None if c in known else True for c in row):
        _lock(db, name)
        known = _widen(db, name, _known(db, name) or known, row)
    return Table(name, MetaData(), *(Column(c, t) for c, t in known.items()))


def _known(db: Connection, name: str) -> dict[str, Any] | None:
    """Column types of an existing table; JSON and moments as ours, so that values travel as we write them."""
    if not inspect(db).has_table(name):
        return None
    return {column["name"]: _ours(column["name"], column["type"]) for column in inspect(db).get_columns(name)}


def _ours(name: str, type_: Any) -> Any:
    kind = type_.__visit_name__.upper()
    if name in STANDARD and kind not in ("INTEGER", "BIGINT"):
        return STANDARD[name]
    if kind in ("JSON", "JSONB"):
        return Json
    return Instant() if kind in ("TIMESTAMP", "DATETIME") else type_


def _create(db: Connection, name: str, key: tuple[str, ...], row: Mapping[str, Any]) -> dict[str, Any]:
    types = {column: STANDARD.get(column, _type_of(value)) for column, value in row.items()}
    if key == STANDARD_KEY:
        types = {**STANDARD, **types}
    table = Table(name, MetaData(), *(Column(c, t) for c, t in types.items()), UniqueConstraint(*key, name=f"ux_{name}"[:63]))
    db.execute(CreateTable(table))
    return types


def _widen(db: Connection, name: str, known: dict[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    quoted = db.dialect.identifier_preparer.quote
    for column, value in row.items():
        if column not in known:
            known[column] = STANDARD.get(column, _type_of(value))
            kind = known[column].compile(db.dialect)
            db.execute(text(f"ALTER TABLE {quoted(name)} ADD COLUMN {quoted(column)} {kind}"))
        elif (wider := _wider(known[column], value)) is not None:
            known[column] = wider()
            if db.dialect.name == "postgresql":  # SQLite columns take any type as they are
                kind = known[column].compile(db.dialect)
                db.execute(
                    text(f"ALTER TABLE {quoted(name)} ALTER COLUMN {quoted(column)} TYPE {kind} USING {quoted(column)}::{kind}")
                )
    return known


def _type_of(value: Any) -> Any:
    if isinstance(value, bool):
        return Boolean()
    if isinstance(value, int):
        return BigInteger()
    if isinstance(value, float):
        return Double()
    if isinstance(value, dt.datetime):
        return Instant()
    if isinstance(value, dt.date):
        return Date()
    return Json if isinstance(value, (dict, list)) else Text()


def _wider(have: Any, value: Any) -> type[TypeEngine[Any]] | None:
    """The type a column must move to so that it can hold `value`; None when it can already."""
    need = type(_type_of(value))
    if value is None or need not in _WIDER:
        return None
    rank = next((i for i, kind in enumerate(_WIDER) if isinstance(have, kind)), len(_WIDER))
    return need if _WIDER.index(need) > rank else None


def _lock(db: Connection, name: str) -> None:
    if db.dialect.name == "postgresql":
        db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"tieback table {name}", 0))))


def _shown(key: tuple[str, ...], row: Mapping[str, Any]) -> str:
    return ", ".join(f"{column}={row[column]!r}"[:80] for column in key)
