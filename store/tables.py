"""Tables that users query: made and widened as rules write to them, never narrowed.

`row: ${record}` gives the standard columns; any other row gets one column per key. Names are checked
against a pattern before they come near SQL, values are always bound.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    and_,
    bindparam,
    func,
    inspect,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateTable

from config.errors import Permanent
from store import many
from store.columns import fitted, type_of, wider
from store.events import insert, insert_of
from store.shapes import made_of, shape, types_of
from store.types import Instant, Json

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
STANDARD: dict[str, Any] = {
    "connector": Text(), "company_id": Text(), "project_id": Text(), "id": Text(), "updated_at": Instant(),
    "deleted_at": Instant(), "fetched_at": Instant(), "event_id": BigInteger(), "run_id": BigInteger(),
    "record_hash": Text(), "body": Json,
}  # fmt: skip
STANDARD_KEY = ("connector", "id")
_MOST_BUILT = 500
VERSION = "row_version"  # what `if_newer` compares in tables without the standard columns


def upsert(
    db: Connection, name: str, key: tuple[str, ...], row: Mapping[str, Any], *, version: str | None, deletes: bool = False
) -> str:
    """Write one row; says `inserted`, `updated`, `unchanged` or `older`.

    `version` names the column whose newer value wins (with `fetched_at` deciding between equals), or is None.
    `deletes` True marks instead: only `deleted_at` is set on a row that is there.
    """
    table = holding(db, name, key, row)
    row = {column: _fitted(table, column, value) for column, value in row.items()}
    for _ in range(3):
        found = db.execute(_held(table, key), _keyed_by(key, row)).first()
        if found is None:
            if _inserted(db, table, row):
                return "inserted"
            continue  # somebody else inserted it between the two statements: look again
        if _comes_back(found._mapping.get("deleted_at"), row, version):
            row = {**row, "deleted_at": None}
        outcome = _against(dict(found._mapping), row, version)
        if outcome == "updated":
            values = {"deleted_at": row["deleted_at"]} if deletes else row
            db.execute(_changing(table, key), {**_keyed_by(key, row), **values})
        return outcome
    raise Permanent(
        f"{name}: the row {_shown(key, row)} collides with another one: something else is unique in that table as well. "
        "Use the same key: in every rule that writes it.",
        kind="conflict",
    )


def ready(db: Connection, name: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    """The table of this name, made or widened so that it takes these rows of the standard columns.

    Looking at a table costs more than writing a page to it: one that `is_plain` may be used again, once committed.
    Raises: Permanent when it is there with another key than (connector, id).
    """
    table = holding(db, name, STANDARD_KEY, rows[0])
    if not is_plain(table):
        for row in rows:
            table = holding(db, name, STANDARD_KEY, row)
    if not _keyed(db, name):
        raise Permanent(
            f"there is a table {name} already, and it is not unique by (connector, id), so records cannot land in it. "
            "Rename it, or add that unique constraint.",
            kind="table",
        )
    return table


def is_plain(table: Table) -> bool:
    """Whether its standard columns are as we make them, and take any record; somebody may have made it by hand."""
    return all(column in table.c and isinstance(table.c[column].type, type(kind)) for column, kind in STANDARD.items())


def upsert_many(db: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Write rows of the standard columns in one statement; says of each id what `upsert` would, with `updated_at` deciding.

    The table is `ready`. All rows are of one connector and have all the standard columns, each id comes once. A row
    that was marked deleted comes back when it was read more than a minute after that: a list may be stale for a while.
    Raises: Permanent when a column cannot hold a value.
    """
    fit = [{column: _fitted(table, column, value) for column, value in row.items()} for row in rows]
    known = _compared(db, table, fit)
    outcomes = {str(row["id"]): _outcome(known.get(str(row["id"])), row) for row in fit}
    write = [row for row in fit if outcomes[str(row["id"])] in ("inserted", "updated")]
    if write and is_plain(table):
        many.add(db, table, write, partial(_overwritten, table))
    elif write:  # made by hand, of types that may not be told as JSON
        db.execute(_overwritten(table, insert(db, table)), write)
    return outcomes


def mark_many(db: Connection, name: str, connector: str, marks: Mapping[str, Any]) -> None:
    """Set `deleted_at` on the rows with these ids; `marks` maps an id to the moment. Nothing when there is no such table."""
    table = shape(db, name)
    if table is None or not {"connector", "id", "deleted_at"} <= set(table.c.keys()):
        return
    same = (table.c.connector == connector, table.c.id == bindparam("of", type_=table.c.id.type), table.c.deleted_at.is_(None))
    wanted = update(table).where(*same).values(deleted_at=bindparam("at", type_=table.c.deleted_at.type))
    db.execute(wanted, [{"of": _fitted(table, "id", id), "at": _fitted(table, "deleted_at", at)} for id, at in marks.items()])


_COMPARED = ("id", "record_hash", "updated_at", "deleted_at", "fetched_at")
STALE = dt.timedelta(seconds=60)


def _compared(db: Connection, table: Table, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What is there of these rows, held until the end of the transaction, in an order that all keep."""
    ids = sorted({row["id"] for row in rows})
    columns = [table.c[column] for column in _COMPARED]
    same = table.c.connector == rows[0]["connector"]
    if db.dialect.name == "postgresql" and isinstance(table.c.id.type, Text):
        held = many.each_by_key(columns, table.c.id, ids, same, lock=True)
    else:
        held = select(*columns).where(same, table.c.id.in_(ids)).order_by(table.c.id).with_for_update()
    return {str(row.id): row._mapping for row in db.execute(held)}


def _outcome(known: Mapping[str, Any] | None, row: Mapping[str, Any]) -> str:
    if known is None:
        return "inserted"
    gone = known["deleted_at"]
    back = gone is not None and row["fetched_at"] - gone > STALE
    if _loses({**known, "deleted_at": None} if back else known, row, "updated_at"):
        return "older"
    return "unchanged" if known["record_hash"] == row["record_hash"] and gone is None else "updated"


def _overwritten(table: Table, made: Any) -> Any:
    """Insert or replace, never by something older: a row may have come between our look and our write."""
    new = made.excluded
    newer = or_(table.c.updated_at.is_(None), new.updated_at.is_(None), table.c.updated_at <= new.updated_at)
    values = {column: new[column] for column in STANDARD if column not in STANDARD_KEY}
    return made.on_conflict_do_update(index_elements=list(STANDARD_KEY), set_=values, where=newer)


def _keyed(db: Connection, name: str) -> bool:
    look = inspect(db)
    keys = [look.get_pk_constraint(name)["constrained_columns"]]
    keys += [one["column_names"] for one in look.get_unique_constraints(name)]
    keys += [[str(column) for column in one["column_names"]] for one in look.get_indexes(name) if one["unique"]]
    return any(set(key) == set(STANDARD_KEY) for key in keys)


def _fitted(table: Table, column: str, value: Any) -> Any:
    try:
        return fitted(table.c[column].type, value)
    except (ValueError, OverflowError):
        kind = str(table.c[column].type).lower()
        raise Permanent(f'{table.name}.{column} holds {kind}, and "{str(value)[:60]}" is none', kind="value") from None


def _against(known: Mapping[str, Any], row: Mapping[str, Any], version: str | None) -> str:
    if version is not None and _loses(known, row, version):
        return "older"
    ignored = {"fetched_at", "event_id", "run_id"}
    if all(known.get(c) == row[c] for c in row if c not in ignored):
        return "unchanged"
    return "updated"


def _comes_back(gone: Any, row: Mapping[str, Any], version: str | None) -> bool:
    """Who writes a row of their own columns again wants it back, unless its version is of before it was marked deleted."""
    if not isinstance(gone, dt.datetime) or "deleted_at" in row:
        return False
    try:
        return version is None or dt.datetime.fromisoformat(str(row.get(version))) > gone
    except (TypeError, ValueError):  # versions that are no times say nothing of when
        return True


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
    if db.dialect.name not in ("sqlite", "postgresql"):
        return _inserted_plainly(db, table, row)
    return db.execute(_adding(db.dialect.name, table, next(iter(row))), dict(row)).first() is not None


def _inserted_plainly(db: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Where ON CONFLICT is not known: the unique key of the table refuses the second one."""
    try:
        with db.begin_nested():
            db.execute(table.insert(), dict(row))
    except IntegrityError:
        return False
    return True


# Built once for each shape of a table.
@lru_cache(_MOST_BUILT)
def _held(table: Table, key: tuple[str, ...]) -> Any:
    return select(table).where(_same(table, key)).with_for_update()


@lru_cache(_MOST_BUILT)
def _changing(table: Table, key: tuple[str, ...]) -> Any:
    return update(table).where(_same(table, key))


@lru_cache(_MOST_BUILT)
def _adding(dialect: str, table: Table, column: str) -> Any:
    return insert_of(dialect, table).on_conflict_do_nothing().returning(table.c[column])


def _same(table: Table, key: tuple[str, ...]) -> Any:
    return and_(*(table.c[column] == bindparam(f"Key_{column}", type_=table.c[column].type) for column in key))


def _keyed_by(key: tuple[str, ...], row: Mapping[str, Any]) -> dict[str, Any]:
    return {f"Key_{column}": row[column] for column in key}  # no column begins with a capital


def check_name(name: str) -> None:
    """Raises: Permanent(kind="table") when no rule may read or write a table of this name."""
    if not NAME.match(name) or name.startswith("tieback_"):
        shown = "".join(sign if sign.isprintable() else "\ufffd" for sign in name[:80])
        raise Permanent(f'"{shown}" is no table a rule may use; write [a-z][a-z0-9_]*, not beginning with tieback_', kind="table")


def holding(db: Connection, name: str, key: tuple[str, ...], row: Mapping[str, Any]) -> Table:
    """The table as it is, made or widened so that it can hold `row`.

    Raises: Permanent(kind="table") when a name cannot be one, or a database we do not know would have to be changed.
    """
    check_name(name)
    for column in row:
        if not NAME.match(column):
            raise Permanent(f'{name}: "{column[:80]}" is no column name; use [a-z][a-z0-9_]*, at most 63 signs', kind="table")
    table = shape(db, name)
    if table is None:
        _ours_to_change(db, name, "is not there")
        lock(db, name)
        if (table := shape(db, name)) is None:
            table = made_of(name, _create(db, name, key, row))
    if narrow := [c for c in row if c not in table.c or wider(table.c[c].type, row[c]) is not None]:
        _ours_to_change(db, name, f"has no column {narrow[0]} that holds this value")
        lock(db, name)
        table = made_of(name, _widen(db, name, types_of(db, name) or {}, row))
    return table


def _ours_to_change(db: Connection, name: str, seen: str) -> None:
    if db.dialect.name not in ("sqlite", "postgresql"):
        raise Permanent(
            f"the table {name} {seen}, and tables are made and widened in SQLite and PostgreSQL only. Do it by hand.",
            kind="table",
        )


def _create(db: Connection, name: str, key: tuple[str, ...], row: Mapping[str, Any]) -> dict[str, Any]:
    types = {column: STANDARD.get(column, type_of(value)) for column, value in row.items()}
    if key == STANDARD_KEY:
        types = {**STANDARD, **types}
    table = Table(name, MetaData(), *(Column(c, t) for c, t in types.items()), UniqueConstraint(*key))
    db.execute(CreateTable(table))
    return types


def _widen(db: Connection, name: str, known: dict[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    for column, value in row.items():
        if column not in known:
            known[column] = STANDARD.get(column, type_of(value))
            add_column(db, name, column, known[column])
        elif (to := wider(known[column], value)) is not None:
            _move(db, name, column, known[column], to())
            known[column] = to()
    return known


def add_column(db: Connection, name: str, column: str, kind: Any) -> None:
    quoted = db.dialect.identifier_preparer.quote
    db.execute(text(f"ALTER TABLE {quoted(name)} ADD COLUMN {quoted(column)} {kind.compile(db.dialect)}"))


def _move(db: Connection, name: str, column: str, have: Any, to: Any) -> None:
    quoted = db.dialect.identifier_preparer.quote
    table, old, kind = quoted(name), quoted(column), to.compile(db.dialect)
    if db.dialect.name == "postgresql":
        number = "::int" if isinstance(have, Boolean) and not isinstance(to, Text) else ""
        db.execute(text(f"ALTER TABLE {table} ALTER COLUMN {old} TYPE {kind} USING {old}{number}::{kind}"))
        return
    if column in _unique(db, name):
        return  # SQLite cannot move such a column, and takes the value as it is
    moved, truth = quoted(f"{column}__moved"), isinstance(have, Boolean) and isinstance(to, Text)
    value = f"CASE {old} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END" if truth else f"CAST({old} AS {kind})"
    for statement in (
        f"ALTER TABLE {table} ADD COLUMN {moved} {kind}",
        f"UPDATE {table} SET {moved} = {value}",  # noqa: S608 (checked names, no values)
        f"ALTER TABLE {table} DROP COLUMN {old}",
        f"ALTER TABLE {table} RENAME COLUMN {moved} TO {old}",
    ):
        db.execute(text(statement))


def _unique(db: Connection, name: str) -> set[str | None]:
    look = inspect(db)
    found = [*look.get_unique_constraints(name), look.get_pk_constraint(name)]
    columns: set[str | None] = {column for one in found for column in one.get("constrained_columns", one.get("column_names", []))}  # type: ignore[attr-defined]
    return columns | {column for index in look.get_indexes(name) for column in index["column_names"]}


def lock(db: Connection, name: str) -> None:
    if db.dialect.name == "postgresql":
        db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"tieback table {name}", 0))))


def _shown(key: tuple[str, ...], row: Mapping[str, Any]) -> str:
    return ", ".join(f"{column}={row[column]!r}"[:80] for column in key)
