"""After a wipe the files of a SQLite database hold no byte of what was deleted, whatever its journal, beside other processes."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from config.errors import ConfigError
from config.settings import Settings
from store import session, wiping
from store.session import open_engine, writing

GONE, STAYS = b"what-was-deleted-0123456789", b"what-stays-0123456789"
WAL = pytest.mark.parametrize("wal", [False, True], ids=["journal", "wal"])


def keeps_deleted_bytes(engine: Engine) -> None:
    """As SQLite does unless it was built otherwise: some systems' builds overwrite what is deleted."""

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA secure_delete=OFF")


def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wal: bool) -> tuple[Engine, Settings]:
    monkeypatch.setattr(session, "wal_is_safe", lambda _version: wal)
    from config.settings import load

    here = load({}, tmp_path)
    engine = open_engine(here)
    keeps_deleted_bytes(engine)
    with writing(engine) as db:
        db.execute(text("CREATE TABLE kept (n INTEGER PRIMARY KEY, t TEXT)"))
        db.execute(
            text("INSERT INTO kept VALUES (:n, :t)"),
            [{"n": n, "t": (GONE if n % 2 else STAYS).decode() * 20} for n in range(800)],
        )
    with writing(engine) as db:
        db.execute(text("UPDATE kept SET t = 'short' WHERE n < 50 AND n % 2 = 1"))
        db.execute(text("DELETE FROM kept WHERE n % 2 = 1"))
    return engine, here


def raw(here: Settings) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in here.var.iterdir()}


@WAL
def test_deleted_bytes_are_in_no_file_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wal: bool) -> None:
    engine, here = made(tmp_path, monkeypatch, wal)
    reader = open_engine(here)
    with reader.connect() as db:
        assert db.scalar(text("SELECT count(*) FROM kept")) == 400
        db.rollback()
        assert f"tieback.db-{'wal' if wal else 'journal'}" in {name for name, content in raw(here).items() if GONE in content}
        wiping.wipe(engine)
        assert [name for name, content in raw(here).items() if GONE in content] == []
        assert STAYS in raw(here)["tieback.db"]
        assert db.scalar(text("SELECT count(*) FROM kept")) == 400
    # And everybody goes on with the mode that they had
    with writing(reader) as db:
        db.execute(text("DELETE FROM kept WHERE n = 0"))
        assert db.scalar(text("PRAGMA journal_mode")) == ("wal" if wal else "persist")
    for one in (engine, reader):
        one.dispose()


@WAL
def test_it_waits_for_those_who_hold_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wal: bool) -> None:
    engine, here = made(tmp_path, monkeypatch, wal)
    other = open_engine(here)
    begun = threading.Event()

    def holds() -> None:
        with session.reading(other) as db:
            db.execute(text("SELECT * FROM kept")).fetchone()
            begun.set()
            time.sleep(0.5)

    thread = threading.Thread(target=holds)
    thread.start()
    begun.wait()
    wiping.wipe(engine)
    thread.join()
    assert [name for name, content in raw(here).items() if GONE in content] == []
    for one in (engine, other):
        one.dispose()


@WAL
def test_what_holds_the_file_for_good_is_told_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wal: bool) -> None:
    engine, here = made(tmp_path, monkeypatch, wal)
    monkeypatch.setattr(wiping, "PATIENCE_S", 0.2)
    monkeypatch.setattr(wiping, "WAITS_MS", 100)
    other = open_engine(here)
    with session.reading(other) as db:
        db.execute(text("SELECT * FROM kept")).fetchone()
        with pytest.raises(ConfigError, match=r"could not be written anew .* stop what holds it, and run the same again"):
            wiping.wipe(engine)
    wiping.wipe(engine)
    assert [name for name, content in raw(here).items() if GONE in content] == []
    for one in (engine, other):
        one.dispose()
