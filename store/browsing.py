"""The tables that rules write, as a person looks through them. Names of tables and columns come from the database's own list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, MetaData, Select, Table, Text, cast, false, func, inspect, or_, select

from store.board import Only, Theirs

OURS = ("tieback_", "alembic_", "sqlite_")
MOST_COUNTED = 100_000
Dict = dict[str, Any]


def names(db: Connection) -> list[str]:
    """Tables that are not our own."""
    return sorted(name for name in inspect(db).get_table_names() if not name.startswith(OURS))


def table(db: Connection, name: str) -> Table | None:
    """None when there is none of this name, or it is one of ours."""
    return Table(name, MetaData(), autoload_with=db) if name in names(db) else None


def count(db: Connection, of: Table, only: Only) -> int:
    """How many rows, counted to a hundred thousand at most."""
    wanted = _theirs(select(of.c[_first(of)]), of, only).limit(MOST_COUNTED)
    return db.scalar(select(func.count()).select_from(wanted.subquery())) or 0


def newest(db: Connection, of: Table, only: Only) -> Any:
    """When something was last written to it, where it tells."""
    if "fetched_at" not in of.c:
        return None
    return db.scalar(_theirs(select(func.max(of.c.fetched_at)), of, only))


def rows(db: Connection, of: Table, only: Only, limit: int, offset: int, **asked: Any) -> list[Dict]:
    """`asked`: text (anywhere in a row), column and value (of one column), sort (a column, `-` before it for the last first)."""
    return [dict(row._mapping) for row in db.execute(_wanted(of, only, asked).limit(limit).offset(offset))]


def stream(db: Connection, of: Table, only: Only, most: int, **asked: Any) -> Iterator[Dict]:
    """The same, one after the other."""
    for row in db.execute(_wanted(of, only, asked).limit(most).execution_options(yield_per=500)):
        yield dict(row._mapping)


def _wanted(of: Table, only: Only, asked: Dict) -> Select[Any]:
    wanted = _theirs(select(of), of, only)
    if asked.get("text"):
        texts = [func.lower(cast(column, Text)).contains(str(asked["text"]).lower(), autoescape=True) for column in of.c]
        wanted = wanted.where(or_(*texts))
    column_of = str(asked.get("column") or "")
    if column_of in of.c and asked.get("value") is not None:
        wanted = wanted.where(cast(of.c[column_of], Text) == str(asked["value"]))
    sort = str(asked.get("sort") or ("-fetched_at" if "fetched_at" in of.c else _first(of)))
    column = of.c[sort.lstrip("-")] if sort.lstrip("-") in of.c else of.c[_first(of)]
    return wanted.order_by(column.desc() if sort.startswith("-") else column, of.c[_first(of)])


def _first(of: Table) -> str:
    return "id" if "id" in of.c else str(next(iter(of.c.keys())))


def _theirs(wanted: Select[Any], of: Table, only: Only) -> Select[Any]:
    """Rows of other companies are not for everybody; a table that does not tell whose they are is for those who see all."""
    if only is None:
        return wanted
    if "connector" not in of.c:
        return wanted.where(false())
    wanted = wanted.where(of.c.connector.in_(sorted(only)))
    if isinstance(only, Theirs) and "company_id" in of.c:
        wanted = wanted.where(cast(of.c.company_id, Text).in_(sorted(only.companies)))
    return wanted
