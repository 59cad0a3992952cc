"""What was deleted is gone from the files as well, as far as the database lets us.

A deleted row of SQLite stays readable in freed pages, in the journal and in the write-ahead log. Writing the file anew
leaves none of it. PostgreSQL keeps dead rows until VACUUM, and samples of columns in its statistics until ANALYZE.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Engine

from config.errors import ConfigError
from store.base import Base
from store.session import in_turn

PATIENCE_S, WAITS_MS = 60.0, 5_000


def wipe(engine: Engine, others: Iterable[str] = ()) -> None:
    """`others` are tables that are not ours. On SQLite nobody else can write meanwhile; on PostgreSQL nobody is held up.

    Raises: ConfigError when the file cannot be written anew.
    """
    if engine.dialect.name == "sqlite":
        with in_turn(engine):
            _anew(engine)
        return
    quoted = engine.dialect.identifier_preparer.quote
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        for name in (*Base.metadata.tables, *others):
            db.exec_driver_sql(f"VACUUM (ANALYZE) {quoted(name)}")


def _anew(engine: Engine) -> None:
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        before = cursor.execute("PRAGMA busy_timeout").fetchone()[0]
        cursor.execute(f"PRAGMA busy_timeout={WAITS_MS}")
        cursor.execute("PRAGMA journal_size_limit=0")  # the journal that is kept between transactions is cut to nothing
        _patiently(lambda: cursor.execute("VACUUM").fetchall())
        _patiently(lambda: _emptied(cursor))
        cursor.execute("PRAGMA journal_size_limit=-1")
        cursor.execute(f"PRAGMA busy_timeout={before}")
        cursor.close()
    finally:
        connection.close()


def _emptied(cursor: Any) -> None:
    """The write-ahead log is copied and cut, where there is one."""
    busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise sqlite3.OperationalError("database is locked")


def _patiently(do: Callable[[], Any]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while True:
        try:
            do()
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > ends:
                raise ConfigError(
                    f"the rows are deleted, but the database file could not be written anew ({error}), so their bytes may still "
                    "be in it. Free as much room as it takes, or stop what holds it, and run the same again."
                ) from None
        time.sleep(0.1)
