"""A database at the newest schema: migrated once, copied after that."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier
from sqlalchemy import Engine

from store import migrate

sqlite_schema = b""  # the file of an empty store, once this process knows it
TEMPLATE = "tieback_schema"  # the same as a database of a PostgreSQL, which goes away with its tests


def furnish(engine: Engine) -> None:
    """Give an empty database that nothing is connected to the schema. How migrations go is for their own tests to say."""
    if engine.dialect.name == "sqlite":
        _copy_file(engine)
    else:
        _copy_database(engine)


def _copy_file(engine: Engine) -> None:
    global sqlite_schema
    path = Path(str(engine.url.database))
    if sqlite_schema:
        path.write_bytes(sqlite_schema)
        return
    migrate.upgrade(engine)
    with closing(sqlite3.connect(path)) as raw:
        sqlite_schema = raw.serialize()


def _copy_database(engine: Engine) -> None:
    url = engine.url.set(drivername="postgresql", database="postgres")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as admin:
        if admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone() is None:
            migrate.upgrade(engine)
            engine.dispose()
            _copy(admin, TEMPLATE, engine.url.database)
            return
        admin.execute(SQL("DROP DATABASE {}").format(Identifier(str(engine.url.database))))
        _copy(admin, engine.url.database, TEMPLATE)


def _copy(admin: psycopg.Connection[Any], new: str | None, old: str | None) -> None:
    made = SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
    admin.execute(made.format(Identifier(str(new)), Identifier(str(old))))
