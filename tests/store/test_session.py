"""Transactions: what reads and then writes loses nothing, what passes by itself is tried again, errors are one sentence."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from config.errors import ConfigError
from config.settings import Settings, load
from store import session
from store.session import (
    DISK_FAILED,
    end_when_the_disk_fails,
    explain,
    is_away,
    open_engine,
    reading,
    retrying,
    wal_is_safe,
    writing,
)
from tests.crash.sweep import in_child
from tests.services import wait_until


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False), ((3, 44, 5), False), ((3, 44, 6), True), ((3, 44, 9), True), ((3, 45, 0), False),
        ((3, 50, 6), False), ((3, 50, 7), True), ((3, 51, 0), False), ((3, 51, 2), False), ((3, 51, 3), True), ((4, 0, 0), True),
    ],
)  # fmt: skip
def test_wal_is_used_only_on_builds_without_its_race(version: tuple[int, int, int], safe: bool) -> None:
    assert wal_is_safe(version) is safe


def test_four_threads_that_read_then_write_lose_nothing(engine: Engine) -> None:
    with writing(engine) as db:
        db.execute(text("CREATE TABLE counted (n BIGINT)"))
        db.execute(text("INSERT INTO counted VALUES (0)"))
    lock = "" if engine.dialect.name == "sqlite" else " FOR UPDATE"

    def count() -> None:
        for _ in range(25):
            with writing(engine) as db:
                n = db.scalar(text(f"SELECT n FROM counted{lock}"))
                db.execute(text("UPDATE counted SET n = :n"), {"n": n + 1})

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with writing(engine) as db:
        assert db.scalar(text("SELECT n FROM counted")) == 100


def test_an_error_inside_leaves_nothing_written_and_no_lock_behind(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), writing(engine) as db:
        db.execute(text("CREATE TABLE half (n BIGINT)"))
        raise ZeroDivisionError
    with writing(engine) as db:
        db.execute(text("CREATE TABLE half (n BIGINT)"))


class Said(Exception):
    def __init__(self, sqlstate: str):
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


@pytest.mark.parametrize(("state", "tries"), [("40P01", 3), ("40001", 3), ("55P03", 3), ("23505", 1), ("22001", 1)])
def test_only_what_passes_by_itself_is_tried_again(state: str, tries: int) -> None:
    done = []

    @retrying
    def work() -> str:
        done.append(1)
        if len(done) < 3:
            raise DBAPIError("", {}, Said(state))
        return "kept"

    if tries == 1:
        with pytest.raises(DBAPIError):
            work()
    else:
        assert work() == "kept"
    assert len(done) == tries


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (OperationalError("", {}, sqlite3.OperationalError("database is locked")), True),
        (OperationalError("", {}, sqlite3.OperationalError("database or disk is full")), True),
        (OperationalError("", {}, sqlite3.OperationalError("no such table: rfis")), False),
        (OperationalError("", {}, psycopg.OperationalError("connection refused")), True),
        (OperationalError("", {}, psycopg.errors.AdminShutdown("the server shuts down")), True),
        (DBAPIError("", {}, psycopg.errors.SerializationFailure("again")), True),
        (ProgrammingError("", {}, psycopg.errors.UndefinedTable("rfis")), False),
        (PoolTimeout("no connection is free"), True),
        (ValueError("a bug"), False),
    ],
)
def test_a_database_that_is_busy_or_away_is_told_from_one_that_refuses(error: Exception, away: bool) -> None:
    assert is_away(error) is away


@pytest.mark.parametrize(("said", "code"), [("disk I/O error", DISK_FAILED), ("database or disk is full", 0)])
def test_a_disk_that_fails_ends_the_process_and_a_full_one_does_not(tmp_path: Path, said: str, code: int) -> None:
    def work() -> None:
        engine = open_engine(load({"TIEBACK_DATABASE_URL": f"sqlite:///{tmp_path}/x.db"}, tmp_path))
        end_when_the_disk_fails(engine)
        with pytest.raises(OperationalError), reading(engine) as db:
            engine.dialect.do_execute = failing  # type: ignore[assignment]
            db.execute(text("SELECT 1"))

    def failing(*_: object) -> None:
        raise sqlite3.OperationalError(said)

    assert in_child(work) == code


def test_after_five_tries_the_error_is_told() -> None:
    done = []

    @retrying
    def work() -> None:
        done.append(1)
        raise OperationalError("", {}, Exception("database is locked"))

    with pytest.raises(OperationalError):
        work()
    assert len(done) == 5


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        ("database or disk is full", "is full. Free some space"),
        ("could not extend file: No space left on device", "is full. Free some space"),
        ("attempt to write a readonly database", "cannot be written"),
        ("unable to open database file", "cannot be written"),
        ("file is not a database", "is no SQLite database"),
        ("connection refused", "does not answer"),
    ],
)
def test_a_database_that_does_not_answer_is_explained_without_its_password(tmp_path: Path, cause: str, said: str) -> None:
    env = {
        "TIEBACK_DATABASE_URL": "postgresql://ana:hunter2@db.example/x",
        "TIEBACK_SECRET_KEYS": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=",
    }
    settings: Settings = load(env, tmp_path)
    sentence = explain(OperationalError("", {}, Exception(cause)), settings)
    assert said in sentence
    assert "hunter2" not in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("url", ["sqlite://", "nonsense", "sqlite:////proc/none/x.db"])
def test_a_url_that_leads_nowhere_is_a_sentence(tmp_path: Path, url: str) -> None:
    import dataclasses

    settings = dataclasses.replace(load({}, tmp_path), database_url=url)
    with pytest.raises(ConfigError, match="TIEBACK_DATABASE_URL"):
        open_engine(settings)


@pytest.mark.services
def test_a_connection_that_died_while_it_rested_is_replaced_unnoticed(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine(load({"TIEBACK_DATABASE_URL": fresh_database}, Path("/nonexistent")))
    with reading(engine) as db:
        first = db.scalar(text("SELECT pg_backend_pid()"))
    # Given a server that ended it, a second ago
    with psycopg.connect(fresh_database) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [first])
    monkeypatch.setattr(session, "RESTED_S", 0.0)
    # When it is taken again
    with reading(engine) as db:
        second = db.scalar(text("SELECT pg_backend_pid()"))
    # Then nobody notices
    assert second != first
    engine.dispose()


@pytest.fixture
def hasty(fresh_database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A PostgreSQL that waits one second for whoever does nothing in the middle of a transaction."""
    monkeypatch.setattr(session, "IDLE_S", 1)
    engine = open_engine(load({"TIEBACK_DATABASE_URL": fresh_database}, Path("/nonexistent")))
    with writing(engine) as db:
        db.execute(text("CREATE TABLE taken AS SELECT 1 AS id"))
    yield engine
    engine.dispose()


@pytest.mark.services
def test_whoever_hangs_in_the_middle_of_a_transaction_lets_go_of_its_rows(hasty: Engine) -> None:
    take = text("SELECT id FROM taken FOR UPDATE SKIP LOCKED")

    def others() -> bool:
        with writing(hasty) as db:
            return db.scalar(take) is not None

    # Given a process that took a row and hangs
    with hasty.connect() as hung:
        assert hung.scalar(take) == 1
        assert not others()
        # Then others get the row after that time
        wait_until(others, 10, "the row")
        # And when it goes on it is told, and tries again
        with pytest.raises(DBAPIError) as told:
            hung.execute(take)
        assert session.passes_by_itself(told.value)


@pytest.mark.services
def test_whoever_reads_a_stream_may_be_slow(hasty: Engine) -> None:
    with reading(hasty, streams=True) as db:
        rows = db.execution_options(yield_per=1).execute(text("SELECT generate_series(1, 3)"))
        assert next(rows)[0] == 1
        time.sleep(2.5)
        assert [row[0] for row in rows] == [2, 3]
