"""Column types and SQL functions that mean the same on SQLite and PostgreSQL.

Time comes from the database's clock, never from a process: `now()` in SQL, `Instant` in rows.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import functions
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeDecorator

from config.storable import storable as storable
from config.storable import storable_json as storable_json

Key = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER counts up by itself on SQLite
Bytes = LargeBinary
Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class Instant(TypeDecorator[dt.datetime]):
    """A moment in UTC with microseconds; always an aware datetime in Python.

    SQLite keeps it as text that sorts (`2026-03-01 10:00:00.000000`), PostgreSQL as timestamptz.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError(f"a moment without a time zone: {value!r}")
        return None if value is None else value.astimezone(dt.UTC)

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


class now(functions.FunctionElement[dt.datetime]):
    """The database's clock plus `seconds` (may be negative); a column expression."""

    type = Instant()
    name = "tieback_now"
    inherit_cache = True

    def __init__(self, seconds: Any = 0):
        from sqlalchemy import Float, bindparam

        super().__init__(bindparam(None, seconds, type_=Float(), unique=True) if isinstance(seconds, (int, float)) else seconds)


@compiles(now, "sqlite")
def _now_sqlite(element: now, compiler: SQLCompiler, **kw: Any) -> str:
    seconds = compiler.process(next(iter(element.clauses)), **kw)
    # Six digits, as SQLAlchemy writes them, so that text order is time order.
    return f"(strftime('%Y-%m-%d %H:%M:%f', 'now', ({seconds}) || ' seconds') || '000')"


@compiles(now, "postgresql")
def _now_postgresql(element: now, compiler: SQLCompiler, **kw: Any) -> str:
    seconds = compiler.process(next(iter(element.clauses)), **kw)
    return f"(clock_timestamp() + make_interval(secs => ({seconds})::double precision))"
