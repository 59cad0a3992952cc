"""A database at the newest schema: migrated once in each process of the tests, copied after that."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Composed, Identifier
from sqlalchemy import URL, Engine

from store import migrate

_schema: dict[str, bytes] = {}  # of SQLite, once it is known
_template: dict[tuple[str | None, int | None], str] = {}  # by server of PostgreSQL: the database that is copied


def furnish(engine: Engine) -> None:
    """Give an empty database that nothing is connected to the schema. How migrations go is for their own tests to say."""
    if engine.dialect.name == "sqlite":
        _copy_file(engine)
    else:
        _copy_database(engine)


def _copy_file(engine: Engine) -> None:
    if not _schema:
        migrate.upgrade(engine)
        raw = sqlite3.connect(str(engine.url.database))
        _schema["sqlite"] = raw.serialize()
        raw.close()
        return
    Path(str(engine.url.database)).write_bytes(_schema["sqlite"])


def _copy_database(engine: Engine) -> None:
    url = engine.url
    known = _template.get((url.host, url.port))
    with psycopg.connect(_plain(url.set(database="postgres")), autocommit=True) as admin:
        if known is None:
            migrate.upgrade(engine)
            engine.dispose()
            known = f"schema_{os.getpid()}"
            _template[url.host, url.port] = known
            admin.execute(_copied(known, url.database))
            return
        admin.execute(SQL("DROP DATABASE {}").format(Identifier(str(url.database))))
        admin.execute(_copied(str(url.database), known))


def _copied(new: str, old: str | None) -> Composed:
    return SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(Identifier(new), Identifier(str(old)))


def _plain(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
