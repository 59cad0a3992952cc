"""The engine and its transactions.

`reading` and `writing` are the only two ways in. On SQLite a writing transaction is BEGIN IMMEDIATE
(a deferred one that reads first loses its write under contention) and writers of one process queue up
on a lock, since SQLite's own waiting is a poll.
"""

from __future__ import annotations

import functools
import logging
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from config.errors import ConfigError
from config.logs import about
from config.settings import Settings
from store.disks import refuse_network
from store.types import storable_json

log = logging.getLogger("tieback.store")

P = ParamSpec("P")
T = TypeVar("T")

POOL_TIMEOUT_S = 2.0
RESTED_S = 1.0
DISK_FAILED = 74  # EX_IOERR of sysexits.h
# Without these a link that swallows everything holds its caller until TCP gives up, a quarter of an hour later.
_NOTICE_SILENCE = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000}
# A process that hangs or is frozen in the middle of a transaction keeps its rows from all others; a lease is over sooner.
IDLE_S = 60
_AS_LONG_AS_IT_TAKES = text("SET LOCAL idle_in_transaction_session_timeout = 0")
_writers: dict[str, threading.RLock] = {}


def wal_is_safe(version: tuple[int, int, int]) -> bool:
    """False for builds with the WAL-reset race, which can corrupt a database that several processes write.

    Source: SQLite release notes; fixed in 3.51.3, 3.50.7 and 3.44.6.
    """
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51, 0) or (3, 44, 6) <= version < (3, 45, 0)


def open_engine(settings: Settings, *, pool_size: int = 10) -> Engine:
    """An engine for `TIEBACK_DATABASE_URL`; nothing is connected yet.

    Raises: ConfigError when the URL cannot be understood.
    """
    try:
        url = make_url(settings.database_url)
    except ArgumentError:
        raise ConfigError(
            "TIEBACK_DATABASE_URL cannot be read. Write sqlite:///path/to/file.db or postgresql://user@host/database."
        ) from None
    if url.get_backend_name() == "sqlite":
        return _sqlite(url.database or "")
    options = f"-c timezone=UTC -c idle_in_transaction_session_timeout={IDLE_S}s"
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=4,
        pool_timeout=POOL_TIMEOUT_S,
        json_serializer=storable_json,
        hide_parameters=True,  # its errors would carry bodies and sealed values into the log
        connect_args={"connect_timeout": 3, "application_name": "tieback", "options": options, **_NOTICE_SILENCE},
    )
    _ask_what_rested(engine)
    return engine


def _ask_what_rested(engine: Engine) -> None:
    """Ask a connection that rested whether it still lives; one that was in use a moment ago is spared the round trip."""

    @event.listens_for(engine, "checkin")
    def _note(_connection: Any, record: Any) -> None:
        record.info["used_at"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _ask(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("used_at", time.monotonic()) < RESTED_S:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.dbapi.Error as error:  # type: ignore[union-attr]
            raise DisconnectionError(str(error)) from error


def _sqlite(path: str) -> Engine:
    if not path:
        raise ConfigError("TIEBACK_DATABASE_URL names no file. Write sqlite:///path/to/file.db.")
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(
            f"the folder of the database {path} cannot be made ({error.strerror}). Check TIEBACK_DATABASE_URL."
        ) from error
    refuse_network(Path(path))
    engine = create_engine(
        f"sqlite:///{path}",
        pool_size=64,
        max_overflow=64,
        json_serializer=storable_json,
        hide_parameters=True,
        connect_args={"timeout": 30, "check_same_thread": False},
    )
    mode = (
        "WAL" if wal_is_safe(sqlite3.sqlite_version_info) else "PERSIST"
    )  # a rollback journal that is kept costs one sync less than one that is deleted

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        cursor = connection.cursor()
        if cursor.execute("PRAGMA journal_mode").fetchone()[0].upper() != mode:
            cursor.execute(f"PRAGMA journal_mode={mode}")
        for pragma in ("synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000", "mmap_size=0"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        deferred = connection.get_execution_options().get("tieback_reading")
        connection.exec_driver_sql("BEGIN" if deferred else "BEGIN IMMEDIATE")

    return engine


def end_when_the_disk_fails(engine: Engine) -> None:
    """For processes that stay: once the disk refuses to sync, end at once, before anything that is not durable is answered.

    What a failed sync left in memory may be taken for written by the next one, so that going on could acknowledge what
    is not there. A new process reads what really is on the disk. A full disk is another error, and passes by itself.
    """

    @event.listens_for(engine, "handle_error")
    def _look(context: Any) -> None:
        if engine.dialect.name == "sqlite" and "disk I/O error" in str(context.original_exception):
            log.critical("database.disk_failed", extra=about(error=context.original_exception, exit=DISK_FAILED))
            os._exit(DISK_FAILED)


@contextmanager
def reading(engine: Engine, *, streams: bool = False) -> Iterator[Connection]:
    """For statements that only read; they never wait for a writer longer than SQLite needs to commit.

    On SQLite they see one moment. On PostgreSQL each sees what is committed when it begins, as in any transaction of ours,
    so none is opened, which spares two trips to the server. `streams`: a result is read while it comes.
    """
    alone = {} if streams or engine.dialect.name == "sqlite" else {"isolation_level": "AUTOCOMMIT"}
    with engine.connect().execution_options(tieback_reading=True, **alone) as connection, connection.begin():
        if not alone and engine.dialect.name != "sqlite":  # whoever reads the result may be slow
            connection.execute(_AS_LONG_AS_IT_TAKES)
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that commits at the end of the block and rolls back on any error."""
    if engine.dialect.name != "sqlite":
        with engine.begin() as connection:
            yield connection
        return
    with in_turn(engine), engine.begin() as connection:
        yield connection


@contextmanager
def at_once(engine: Engine) -> Iterator[Connection]:
    """For one statement that is all of its transaction: PostgreSQL is spared BEGIN and COMMIT, two of three trips to it."""
    if engine.dialect.name == "sqlite":
        with writing(engine) as connection:
            yield connection
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection, connection.begin():
        yield connection


def in_turn(engine: Engine) -> threading.RLock:
    """The lock on which writers of one process queue up for a SQLite file."""
    return _writers.setdefault(str(engine.url), threading.RLock())


def retrying(function: Callable[P, T]) -> Callable[P, T]:
    """Run a whole transaction again when the database asks for it: deadlock, serialisation, lost connection.

    The function must be one transaction whose repetition does no harm (unique keys, conditional updates):
    when the link breaks during COMMIT nobody knows whether it took place.
    """

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        for left in (4, 3, 2, 1, 0):
            try:
                return function(*args, **kwargs)
            except DBAPIError as error:
                if not left or not passes_by_itself(error):
                    raise
                time.sleep(random.uniform(0.02, 0.1) * (5 - left))  # noqa: S311 (jitter, no secret)
        raise AssertionError("unreachable")

    return wrapper


def passes_by_itself(error: DBAPIError) -> bool:
    """True for deadlock (40P01), serialisation (40001), lock timeout (55P03) and a lost connection."""
    state = getattr(error.orig, "sqlstate", None)
    if state in ("40P01", "40001", "55P03"):
        return True
    return error.connection_invalidated or (isinstance(error, OperationalError) and "database is locked" in str(error.orig))


def is_away(error: Exception) -> bool:
    """True when the database was busy, full, restarting or out of reach: the same may succeed a moment later."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        return passes_by_itself(error) or "is full" in str(error.orig)
    # Class 08: the connection; 53: room, memory, connections; 57: it shuts down or starts. None: there was no answer.
    state = getattr(error.orig, "sqlstate", None)
    gone = isinstance(error, (OperationalError, InterfaceError)) and (state is None or state[:2] in ("08", "53", "57"))
    return gone or passes_by_itself(error)


def explain(error: Exception, settings: Settings) -> str:
    """One sentence for an operator about a database that does not answer, with the mend; never a password."""
    from config.settings import without_password

    where = without_password(settings.database_url)
    cause = " ".join(str(getattr(error, "orig", None) or error).split())[:300]
    if "disk is full" in cause or "No space left" in cause:
        return f"the disk of the database {where} is full. Free some space; nothing acknowledged is lost."
    if "readonly database" in cause or "unable to open" in cause:
        return f"the database {where} cannot be written ({cause}). Check the folder's owner and rights."
    if "not a database" in cause or "malformed" in cause:
        return f"{where} is no SQLite database ({cause}). Point TIEBACK_DATABASE_URL elsewhere, or restore a backup."
    return f"the database {where} does not answer ({cause}). Check that it runs and that TIEBACK_DATABASE_URL is right."
