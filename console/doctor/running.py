"""Database and broker: do they answer, and are they fit?"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from config.settings import Settings, without_password
from console.doctor import Finding
from console.verbs.at_hand import current, there
from store.session import open_engine, wal_is_safe
from workers import broker as bell


def sqlite(given: Settings) -> Iterator[Finding]:
    """Which journal is used and why."""
    if not given.database_url.startswith("sqlite"):
        return
    if wal_is_safe(sqlite3.sqlite_version_info):
        yield Finding("sqlite", "ok", f"SQLite {sqlite3.sqlite_version}: write-ahead log")
    else:
        seen = f"SQLite {sqlite3.sqlite_version}: rollback journal, because this build has the WAL-reset race (safe, slower)"
        yield Finding("sqlite", "ok", seen, "For speed use SQLite 3.51.3, 3.50.7 or 3.44.6, or PostgreSQL.")


def database(given: Settings) -> Iterator[Finding]:
    there(given)
    engine = open_engine(given, pool_size=1)
    try:
        revision = current(engine, given)
    finally:
        engine.dispose()
    yield Finding("database", "ok", f"{without_password(given.database_url)} answers, at revision {revision}")


def broker(given: Settings) -> Iterator[Finding]:
    where = without_password(given.broker_url)
    if given.embedded:
        yield Finding("broker", "ok", f"{where}: rings inside one process; processes apart find work by looking every 200 ms")
        return
    opened = bell.open_broker(given)
    try:
        silent = bell.ping(opened)
    finally:
        opened.close()
    if silent is None:
        yield Finding("broker", "ok", f"{where} answers")
    else:
        mend = "Start it or correct TIEBACK_BROKER_URL. Nothing is lost meanwhile: the relay looks by itself, only slower."
        yield Finding("broker", "wrong", f"{where} does not answer ({silent})", mend)
