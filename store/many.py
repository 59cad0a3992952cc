"""Many rows with one statement: what a page of a list asks for and becomes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ARRAY, Column, ColumnElement, Connection, Select, Table, Text, bindparam, cast, func, select, true
from sqlalchemy.dialects.postgresql import JSONB

from store.events import insert

_MOST_BUILT = 100


def add(
    db: Connection, table: Table, rows: Sequence[Mapping[str, Any]], finish: Callable[[Any], Any] = lambda made: made
) -> None:
    """Insert rows, all with the same columns; `finish` is given the INSERT, and may add what happens where one is there.

    PostgreSQL gets them as one JSON document: a statement for each row costs it, and us, several times as much.
    The columns are of types that JSON can tell: text, numbers, moments, JSON.
    """
    if db.dialect.name != "postgresql":
        db.execute(finish(insert(db, table)), list(rows))
        return
    columns = tuple(rows[0])
    made = insert(db, table).from_select(columns, select(_page(table, columns)))
    db.execute(finish(made), {"page": [{name: _told(value) for name, value in row.items()} for row in rows]})


@lru_cache(_MOST_BUILT)
def _page(table: Table, columns: tuple[str, ...]) -> Any:
    typed = [Column(name, table.c[name].type) for name in columns]
    document = bindparam("page", type_=JSONB())
    return func.jsonb_to_recordset(document).table_valued(*typed, name="page").render_derived(with_types=True)


def _told(value: Any) -> Any:
    return value.astimezone(dt.UTC).isoformat() if isinstance(value, dt.datetime) else value


def each_by_key(
    columns: Sequence[Any], key: Any, values: Sequence[str], *where: ColumnElement[bool], first: Any = None, lock: bool = False
) -> Select[Any]:
    """On PostgreSQL, the row of each of these keys, the `first` of it where there may be several; in the order of `values`.

    One look into the index for each. Without statistics, as in a table that is just being filled, it would read the whole
    table for each page. `lock` holds the rows until the end of the transaction.
    """
    wanted = func.unnest(cast(list(values), ARRAY(Text))).table_valued("key").render_derived(name="wanted")
    one = select(*columns).where(*where, key == wanted.c.key).limit(1)
    one = one if first is None else one.order_by(first)
    found = (one.with_for_update() if lock else one).lateral("found")
    return select(found).select_from(wanted).join(found, true())
