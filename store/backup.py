"""Copies of the whole database, taken while Tieback runs, and put back while it does not."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, Engine, inspect, make_url

from config.errors import ConfigError
from config.settings import Settings, without_password
from store.restoring import FACT

SECONDS = 6 * 3600


def take(settings: Settings, to: Path) -> None:
    """Write a copy of one moment to `to`, whole or not at all. Raises: ConfigError."""
    if to.exists():
        raise ConfigError(f"{to} exists. Name a new file: a backup never replaces another.")
    part = to.with_name(f"{to.name}.part")
    part.unlink(missing_ok=True)
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _dump(settings, part)
        _sync(part)
        part.rename(to)
        _sync(to.parent)
    except OSError as error:
        raise ConfigError(f"{to} cannot be written ({error.strerror}). Choose another place.") from None
    finally:
        part.unlink(missing_ok=True)


def put_back(settings: Settings, source: Path, engine: Engine) -> None:
    """Fill the database of the settings, which must not be there yet (SQLite) or be empty (PostgreSQL). Raises: ConfigError."""
    if not source.is_file():
        raise ConfigError(f"there is no backup {source}.")
    if settings.database_url.startswith("sqlite"):
        _put_file_back(_file(settings), source)
        return
    if inspect(engine).has_table("tieback_facts"):
        raise ConfigError(
            f"the database {without_password(settings.database_url)} holds a Tieback already. Restore into an empty one: "
            "make it, and point TIEBACK_DATABASE_URL at it."
        )
    _run(settings, "pg_restore", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error", str(source))


def _dump(settings: Settings, part: Path) -> None:
    if settings.database_url.startswith("sqlite"):
        _copy(_file(settings), part)
    else:
        _run(settings, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={part}")


def _put_file_back(target: Path, source: Path) -> None:
    leftovers = [one for one in (target, *(Path(f"{target}{end}") for end in ("-journal", "-wal", "-shm"))) if one.exists()]
    if leftovers:
        raise ConfigError(
            f"there is a database at {target}. Stop Tieback, move it away, then restore: "
            + "; ".join(f"mv {one} {one}.old" for one in leftovers)
        )
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        _copy(source, part)
        with closing(sqlite3.connect(part)) as copy, copy:  # it must never stand there without its mark
            copy.execute(
                "INSERT OR REPLACE INTO tieback_facts (name, value) VALUES (?, strftime('%Y-%m-%dT%H:%M:%f', 'now') || '+00:00')",
                (FACT,),
            )
        _sync(part)
        part.rename(target)
        _sync(target.parent)
    except sqlite3.Error as error:
        raise ConfigError(f"{source} is no backup of Tieback ({error}).") from None
    finally:
        part.unlink(missing_ok=True)


def _copy(source: Path, to: Path) -> None:
    """SQLite's own way of copying a database that is being written. What was copied is checked. Raises: ConfigError."""
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=30)) as there,
            closing(sqlite3.connect(to)) as copy,
        ):
            there.backup(copy, pages=1000, sleep=0.01)
            verdict = copy.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.Error as error:
        raise ConfigError(f"{source} cannot be read as a SQLite database ({error}).") from None
    if verdict != "ok":
        raise ConfigError(f"{source} is damaged ({str(verdict)[:200]}). Use another backup.")
    to.chmod(0o600)


def _run(settings: Settings, program: str, *words: str) -> None:
    """A client program of PostgreSQL; the password goes by its environment, where no list of processes shows it."""
    if shutil.which(program) is None:
        raise ConfigError(
            f"{program} is not installed here. Install PostgreSQL's client programs of the server's version or later "
            f"(Debian: apt install postgresql-client), or run {program} where they are."
        )
    url = make_url(settings.database_url).set(drivername="postgresql")
    env = {**os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {})}
    shown = URL.create(url.drivername, url.username, None, url.host, url.port, url.database, url.query)
    said = [program, *words[:-1], f"--dbname={shown.render_as_string()}", words[-1]]
    done = subprocess.run(said, env=env, capture_output=True, text=True, timeout=SECONDS)
    if done.returncode != 0:
        raise ConfigError(f"{program} failed: {' '.join(done.stderr.split())[:500]}")


def _file(settings: Settings) -> Path:
    return Path(make_url(settings.database_url).database or "")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
