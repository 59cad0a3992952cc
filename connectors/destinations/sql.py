"""`kind: sql`: another database, for `to: sql:<name>` of db.* and file.* actions. Its URL comes by reference."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from config.errors import ConfigError
from config.hiding import hide
from config.secrets import resolve
from config.storable import storable_json
from connectors.reader import Reader

KEYS = ("url", "schema", "pool", "timeout")
DEFAULT_POOL, MOST_POOL = 5, 50
DEFAULT_S, LONGEST_S = 10, 20  # a statement must end before the lease of its run may
_REFERENCE = re.compile(r"\$\{(?:env|file):[^}]+\}")
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}\Z")
_engines: dict[tuple[URL, str, int, int], Engine] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Definition:
    """`url` holds references or no password; `pool` is connections at most, `timeout_s` for connecting and each statement."""

    name: str
    url: str
    schema: str
    pool: int
    timeout_s: int

    def load(self, env: Mapping[str, str], folder: Path) -> Destination:
        where = f"sql:{self.name}, url"
        text = _REFERENCE.sub(lambda found: resolve(found.group(0), env, folder, where).reveal(), self.url)
        try:
            url = make_url(text)
        except ArgumentError:
            # Without the cause: it quotes the URL.
            raise ConfigError(f"{where}: this is no database URL. Write postgresql://user:password@host/database.") from None
        if url.password:
            hide(str(url.password))
        return Destination(self.name, _engine(_driven(url, where, folder), self))


@dataclass(frozen=True)
class Destination:
    """One database. May be used from several threads; processes have a pool each."""

    name: str
    engine: Engine

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that commits at the end of the block and rolls back on any error."""
        with self.engine.begin() as db:
            yield db


def _driven(url: URL, where: str, folder: Path) -> URL:
    backend = url.get_backend_name()
    if backend == "postgres":
        url = url.set(drivername="postgresql")
    if backend == "sqlite":
        if not url.database or url.database == ":memory:":
            raise ConfigError(f"{where}: a database in memory is gone with the process. Write sqlite:////path/to/file.db.")
        return url.set(database=str(folder / url.database))  # what is relative counts from the site, as files do
    return url


def _engine(url: URL, given: Definition) -> Engine:
    """One per database and process: a destination is loaded anew for each step, and its pool must outlive that."""
    key = (url, given.schema, given.pool, given.timeout_s)
    with _lock:
        if key not in _engines:
            _engines[key] = _made(url, given)
        return _engines[key]


def _made(url: URL, given: Definition) -> Engine:
    options: dict[str, Any] = {"pool_size": given.pool, "max_overflow": 0, "pool_timeout": given.timeout_s, "pool_pre_ping": True}
    try:
        engine = create_engine(
            url,
            hide_parameters=True,
            pool_recycle=1800,
            connect_args=_connect_args(url, given),
            json_serializer=storable_json,
            **options,
        )
    except (NoSuchModuleError, ImportError):
        raise ConfigError(
            f"sql:{given.name}: there is no driver for {url.drivername} here. Install its Python package beside Tieback."
        ) from None
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _by_hand)
        event.listen(engine, "begin", _begin)
    return engine


def _connect_args(url: URL, given: Definition) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"timeout": given.timeout_s, "check_same_thread": False}
    if url.get_backend_name() != "postgresql":
        return {}
    path = f" -c search_path={given.schema}" if given.schema else ""
    return {
        "connect_timeout": given.timeout_s,
        "application_name": "tieback",
        "options": f"-c timezone=UTC -c statement_timeout={given.timeout_s * 1000}{path}",
        "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000,
    }  # fmt: skip


def _by_hand(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # BEGIN is said below: a deferred one that reads first loses its write


def _begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get("tieback_reading")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def parse(top: Reader, name: str) -> Definition:
    """Everything that can be checked without the secrets."""
    url = top.text("url", required="url is missing. Write it by reference: ${env:NAME} or ${file:PATH}.") or ""
    schema = top.text("schema") or ""
    if schema and not _NAME.match(schema):
        top.wrong("03", top.mark("schema"), "schema is a name of lower-case letters, digits and _.")
    if url and not _REFERENCE.search(url):
        _clear(top, url)
    return Definition(
        name, url, schema, _whole(top, "pool", DEFAULT_POOL, MOST_POOL), _whole(top, "timeout", DEFAULT_S, LONGEST_S)
    )


def _clear(top: Reader, text: str) -> None:
    with suppress(ArgumentError):
        if make_url(text).password is None and "password" not in text:
            return
        message = "url holds a password in clear text. Write it by reference, and change it: what stood in a file has been seen."
        top.wrong("07", top.mark("url"), message, "${env:URL}")
        return
    top.wrong("06", top.mark("url"), "url is no database URL. Write it by reference: ${env:NAME} or ${file:PATH}.")


def _whole(top: Reader, key: str, default: int, most: int) -> int:
    """A whole number, written 10 or 10s."""
    node = top.values.get(key)
    if node is None:
        return default
    match = re.fullmatch(r"(\d{1,3})s?" if key == "timeout" else r"(\d{1,3})", str(node.value))
    if match is None or not 0 < int(match[1]) <= most:
        unit = "seconds" if key == "timeout" else "connections"
        top.wrong("03", node.mark, f"{key} is a number of {unit} from 1 to {most}.", str(default))
        return default
    return int(match[1])
