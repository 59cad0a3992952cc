"""kind: sql: another database, by reference, with limits of its own."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeout

from config import yamlfile
from config.errors import ConfigError
from config.logs import scrub
from config.problems import Problems
from connectors import destinations
from connectors.destinations.sql import Destination


def node(source: str) -> yamlfile.Node:
    return yamlfile.parse(f"format: 1\nkind: sql\nname: dw\n{source}", "destinations/dw.yaml")


def loaded(source: str, folder: Path, **env: str) -> Destination:
    made: Destination = destinations.load(node(source), env, folder)
    return made


def problems(source: str) -> list[str]:
    with pytest.raises(Problems) as raised:
        destinations.parse(node(source))
    return [f"{p.line}: {p.code} {p.message}" for p in raised.value.found]


def test_a_database_is_written_in_transactions(tmp_path: Path) -> None:
    destination = loaded("url: ${env:DW}", tmp_path, DW="sqlite:///dw.db")
    with destination.writing() as db:
        db.execute(text("CREATE TABLE t (n INT)"))
        db.execute(text("INSERT INTO t VALUES (1)"))
    with pytest.raises(ZeroDivisionError), destination.writing() as db:
        db.execute(text("INSERT INTO t VALUES (2)"))
        raise ZeroDivisionError
    with destination.writing() as db:
        assert db.scalar(text("SELECT sum(n) FROM t")) == 1
    # A relative path counts from the site
    assert (tmp_path / "dw.db").exists()


def test_loading_it_again_takes_the_same_pool(tmp_path: Path) -> None:
    one, other = (loaded("url: ${env:DW}", tmp_path, DW="sqlite:///dw.db") for _ in range(2))
    assert one.engine is other.engine
    assert loaded("url: ${env:DW}\npool: 2", tmp_path, DW="sqlite:///dw.db").engine is not one.engine


def test_two_writers_of_sqlite_wait_for_each_other(tmp_path: Path) -> None:
    destination = loaded("url: ${env:DW}", tmp_path, DW="sqlite:///dw.db")
    with destination.writing() as db:
        db.execute(text("CREATE TABLE t (n INT)"))
        db.execute(text("INSERT INTO t VALUES (0)"))

    def count_up() -> None:
        for _ in range(20):
            with destination.writing() as db:
                seen = db.scalar(text("SELECT n FROM t"))
                db.execute(text("UPDATE t SET n = :n"), {"n": seen + 1})

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with destination.writing() as db:
        assert db.scalar(text("SELECT n FROM t")) == 80


def test_no_more_connections_than_the_pool(tmp_path: Path) -> None:
    destination = loaded("url: ${env:DW}\npool: 1\ntimeout: 1s", tmp_path, DW="sqlite:///small.db")
    with destination.engine.connect(), pytest.raises(PoolTimeout), destination.engine.connect():
        pass


@pytest.mark.services
def test_postgresql_gets_its_schema_and_ends_what_takes_too_long(fresh_database: str, tmp_path: Path) -> None:
    destination = loaded("url: ${env:DW}\nschema: reporting\ntimeout: 1", tmp_path, DW=fresh_database)
    with destination.writing() as db:
        db.execute(text("CREATE SCHEMA reporting"))
        db.execute(text("CREATE TABLE t (n INT)"))
        assert db.scalar(text("SELECT table_schema FROM information_schema.tables WHERE table_name = 't'")) == "reporting"
    from sqlalchemy.exc import OperationalError

    with pytest.raises(OperationalError, match="statement timeout"), destination.writing() as db:
        db.execute(text("SELECT pg_sleep(5)"))
    destination.engine.dispose()


def test_the_password_is_hidden_and_no_error_tells_it(tmp_path: Path) -> None:
    url = "postgresql://u:correct-horse-battery@127.0.0.1:1/dw"
    destination = loaded("url: ${env:DW}\ntimeout: 1", tmp_path, DW=url)
    with pytest.raises(Exception) as raised, destination.writing():
        pass
    assert "correct-horse" not in str(raised.value)
    assert "correct-horse" not in scrub(f"said {url}")
    assert "correct-horse" not in repr(destination)


@pytest.mark.parametrize(
    ("source", "env", "said"),
    [
        ("url: ${env:DW}", {}, "DW is not set"),
        ("url: ${env:DW}", {"DW": "what?"}, "this is no database URL"),
        ("url: ${env:DW}", {"DW": "sqlite://"}, "gone with the process"),
        ("url: ${env:DW}", {"DW": "sqlite:///:memory:"}, "gone with the process"),
        ("url: ${env:DW}", {"DW": "nosuch+driver://h/d"}, "there is no driver for nosuch"),
        ("url: ${env:DW}", {"DW": "mysql://u@h/d"}, "there is no driver for mysql"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(source: str, env: dict[str, str], said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        loaded(source, tmp_path, **env)
    assert "what?" not in str(raised.value)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("", "TB402"),
        ("url: postgresql://u:secret@h/d", "TB407"),
        ("url: postgresql://u@h/d?password=secret", "TB407"),
        ("url: nonsense", "TB406"),
        ("url: ${env:A}\npool: 0", "TB403"),
        ("url: ${env:A}\npool: 500", "TB403"),
        ("url: ${env:A}\ntimeout: 5m", "TB403"),
        ("url: ${env:A}\nschema: 'x; drop'", "TB403"),
        ("url: ${env:A}\nquery: select", "TB401"),
    ],
)
def test_what_is_wrong_in_the_file_is_said_with_its_line(source: str, code: str) -> None:
    found = problems(source)
    assert [line.split()[1] for line in found] == [code]
    assert "secret" not in " ".join(found)


def test_a_url_without_a_password_may_stand_in_the_file(tmp_path: Path) -> None:
    definition: Any = destinations.parse(node("url: postgresql://reader@db.example.com/dw"))
    assert (definition.pool, definition.timeout_s) == (5, 10)
