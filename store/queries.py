"""Reading users' tables: comparisons as data, names only if the table has them, values always bound.

A long reading sees one moment and holds nobody up: PostgreSQL keeps a snapshot for it, on SQLite (where a reader
stops every writer) what is wanted is first copied aside in one go.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Select,
    String,
    Table,
    and_,
    or_,
    select,
    text,
)
from sqlalchemy.schema import CreateTable

from config.errors import Permanent
from config.problems import did_you_mean
from store import shapes, tables
from store.columns import fitted

MOST_LISTED = 1000
AT_ONCE = 1000
_COPY = "tieback_copied"
_COMPARE = {"is": operator.eq, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge}


@dataclass(frozen=True)
class Query:
    """`where` are (column, sign, value), `order` are (column, descending); see `automations.journal.RowQuery`."""

    table: str
    where: Sequence[tuple[str, str, Any]] = ()
    order: Sequence[tuple[str, bool]] = ()
    limit: int | None = None
    columns: Sequence[str] = ()
    deleted: bool = False
    connector: str = ""


def stream(engine: Engine, query: Query) -> Generator[dict[str, Any], None, None]:
    """The rows as they stand at one moment, in constant memory. Raises: Permanent(kind="table")."""
    with _at_one_moment(engine) as db:
        wanted = statement(db, query)
        if engine.dialect.name == "sqlite":
            wanted = _aside(db, wanted)
        result = db.execution_options(yield_per=AT_ONCE, stream_results=True).execute(wanted)
        try:
            for row in result.mappings():
                yield dict(row)
        except ValueError as error:
            raise Permanent(
                f"{query.table}: a column holds what its type does not allow ({str(error)[:200]})", kind="value"
            ) from None
        finally:
            result.close()
            if engine.dialect.name == "sqlite":
                db.execute(text(f"DROP TABLE IF EXISTS temp.{_COPY}"))
                db.commit()


@contextmanager
def _at_one_moment(engine: Engine) -> Iterator[Connection]:
    options: dict[str, Any] = {"tieback_reading": True}
    if engine.dialect.name == "postgresql":
        options["isolation_level"] = "REPEATABLE READ"
    with engine.connect().execution_options(**options) as db:
        yield db


def _aside(db: Connection, wanted: Select[Any]) -> Select[Any]:
    """Copied into a table of this connection alone, in its order; the lock on the real one is let go."""
    db.execute(text(f"DROP TABLE IF EXISTS temp.{_COPY}"))
    copy = Table(_COPY, MetaData(), *(Column(c.name, c.type) for c in wanted.selected_columns), schema="temp")
    db.execute(CreateTable(copy))
    db.execute(copy.insert().from_select(copy.c.keys(), wanted))
    db.commit()
    return select(copy).order_by(text("rowid"))


def statement(db: Connection, query: Query) -> Select[Any]:
    """Raises: Permanent(kind="table") when there is no such table or column, (kind="value") when a value cannot be compared."""
    table = of_name(db, query.table)
    wanted = select(*(_column(table, name) for name in query.columns or table.c.keys()))
    wanted = wanted.where(*(_holds(table, *one) for one in query.where))
    named = {column for column, _, _ in query.where}
    if query.connector and "connector" in table.c and "connector" not in named:
        wanted = wanted.where(table.c.connector == query.connector)
    if not query.deleted and "deleted_at" in table.c and "deleted_at" not in named:
        wanted = wanted.where(table.c.deleted_at.is_(None))
    return wanted.order_by(*_order(db, table, query.order)).limit(query.limit)


def of_name(db: Connection, name: str) -> Table:
    """The user's table of this name, with the columns it really has."""
    tables.check_name(name)
    types = shapes.types_of(db, name)
    if types is None:
        raise Permanent(f'there is no table "{name}" yet. It is made by the first db.upsert or import into it.', kind="table")
    return Table(name, MetaData(), *(Column(column, kind) for column, kind in types.items()))


def _column(table: Table, name: str) -> Any:
    if name not in table.c:
        mend = did_you_mean(name, table.c.keys()) or f"; there are {', '.join(table.c.keys())[:300]}"
        raise Permanent(f'{table.name} has no column "{name[:80]}"{mend}', kind="table")
    return table.c[name]


def _plain(table: Table, name: str) -> Any:
    column = _column(table, name)
    if isinstance(column.type, (JSON, LargeBinary)):
        mend = "db.upsert makes one from it: columns: {status: ${record.status}}"
        raise Permanent(
            f"{table.name}.{name} holds JSON or bytes and cannot be compared; use a column of one value. {mend}", kind="table"
        )
    return column


def _order(db: Connection, table: Table, order: Sequence[tuple[str, bool]]) -> list[Any]:
    columns = [(_plain(table, name), descending) for name, descending in order]
    # What is left open by the order is settled by the id, so that a list comes out the same again.
    columns += [(table.c[name], False) for name in ("connector", "id") if order and name in table.c]
    sorted_ = [column.desc() if descending else column.asc() for column, descending in columns]
    return [one.nulls_last() for one in sorted_] if db.dialect.name in ("sqlite", "postgresql") else sorted_


def _holds(table: Table, name: str, sign: str, value: Any) -> Any:
    column = _plain(table, name)
    if sign in ("in", "not_in"):
        return _listed(table, column, sign, value)
    if sign in ("is", "not") and value is None:
        return column.is_(None) if sign == "is" else column.is_not(None)
    if value is None:
        raise Permanent(
            f"{table.name}.{name}: null is neither less nor more than anything; write is: null or not: null", kind="value"
        )
    if sign in ("contains", "starts"):
        return _alike(table, column, sign, value)
    fit = _fitted(table, column, value)
    if sign == "not":
        return or_(column != fit, column.is_(None))  # as people mean it: what has no status is not open either
    if isinstance(fit, bool) and sign != "is":
        raise Permanent(f"{table.name}.{name}: true is neither less nor more than false; write is: or not:", kind="value")
    return _COMPARE[sign](column, fit)


def _listed(table: Table, column: Any, sign: str, values: Any) -> Any:
    if not isinstance(values, (list, tuple)) or len(values) > MOST_LISTED:
        raise Permanent(f"{table.name}.{column.name}: {sign}: takes a list of at most {MOST_LISTED} values", kind="value")
    fit = [_fitted(table, column, value) for value in values if value is not None]
    found = column.in_(fit)
    if None in values:
        found = or_(found, column.is_(None))
    if sign == "in":
        return found
    return and_(column.not_in(fit), column.is_not(None)) if None in values else or_(column.not_in(fit), column.is_(None))


def _alike(table: Table, column: Any, sign: str, value: Any) -> Any:
    if not isinstance(column.type, String) or not isinstance(value, str):
        raise Permanent(f"{table.name}.{column.name}: {sign}: compares text with text", kind="value")
    fit = fitted(column.type, value)
    return (column.icontains if sign == "contains" else column.istartswith)(fit, autoescape=True)


def _fitted(table: Table, column: Any, value: Any) -> Any:
    """The value as the column compares it. What cannot be compared is an error, never simply not found."""
    kind = column.type
    try:
        fit = None if isinstance(value, (dict, list, Mapping)) else fitted(kind, value)
    except (ValueError, OverflowError, TypeError):
        fit = None
    wrong = fit is None or (isinstance(kind, Boolean) and not isinstance(fit, bool)) or _too_large(kind, fit)
    if wrong or (isinstance(kind, (Integer, Float, Numeric)) and not isinstance(fit, (int, float))):
        seen = "".join(sign if sign.isprintable() else "�" for sign in str(value)[:60])
        raise Permanent(f'{table.name}.{column.name} holds {str(kind).lower()}, and "{seen}" is none', kind="value")
    return fit


def _too_large(kind: Any, value: Any) -> bool:
    if isinstance(value, int):
        return not -(2**63) <= value < 2**63
    return isinstance(value, float) and not math.isfinite(value)
