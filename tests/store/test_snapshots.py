"""Tables of history: one snapshot per run and step, with whatever columns the other table has by then."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import Engine, text

from config.errors import Permanent
from store import snapshots, tables
from store.queries import Query
from store.session import reading, writing

AT = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


def stamp(run: str = "1", step: str = "keep") -> dict[str, Any]:
    return {"snapshot_at": AT, "snapshot_run": run, "snapshot_step": step}


def put(engine: Engine, **row: Any) -> None:
    with writing(engine) as db:
        tables.upsert(db, "things", ("id",), row, version=None)


def take(engine: Engine, run: str = "1", step: str = "keep", query: Query = Query("things")) -> int:
    with writing(engine) as db:
        return snapshots.take(db, "history", query, stamp(run, step))


def history(engine: Engine, columns: str = "snapshot_run, id, n") -> list[tuple[Any, ...]]:
    with reading(engine) as db:
        return [tuple(row) for row in db.execute(text(f"SELECT {columns} FROM history ORDER BY snapshot_run, id"))]


def test_what_stands_now_is_added_once_per_run_and_step(engine: Engine) -> None:
    put(engine, id="1", n=1)
    put(engine, id="2", n=2)
    assert take(engine) == 2
    put(engine, id="1", n=7)
    assert take(engine) == 2
    assert take(engine, "2") == 2
    assert history(engine) == [("1", "1", 1), ("1", "2", 2), ("2", "1", 7), ("2", "2", 2)]


def test_a_second_step_of_the_run_keeps_its_own(engine: Engine) -> None:
    put(engine, id="1", n=1)
    assert [take(engine, step=f"keep[{n}]") for n in range(3)] == [1, 1, 1]
    assert len(history(engine)) == 3


def test_only_the_rows_of_the_query(engine: Engine) -> None:
    for n in range(5):
        put(engine, id=str(n), n=n)
    assert take(engine, query=Query("things", [("n", "ge", 3)], columns=["id", "n"])) == 2


def test_history_follows_the_table_as_that_is_widened(engine: Engine) -> None:
    put(engine, id="1", n=1)
    take(engine)
    put(engine, id="2", n="many", more=1.5)
    assert take(engine, "2") == 2
    assert [row[:3] for row in history(engine, "snapshot_run, id, n, more")] == [
        ("1", "1", "1"),
        ("2", "1", "1"),
        ("2", "2", "many"),
    ]


def test_nothing_is_a_snapshot_too(engine: Engine) -> None:
    put(engine, id="1", n=1)
    assert take(engine, query=Query("things", [("id", "is", "x")])) == 0


def test_a_row_at_hand_is_added_once(engine: Engine) -> None:
    with writing(engine) as db:
        assert snapshots.add(db, "history", {"id": "1", "n": 1}, stamp()) == 1
    with writing(engine) as db:
        assert snapshots.add(db, "history", {"id": "1", "n": 1}, stamp()) == 0
        assert snapshots.add(db, "history", {"id": "1", "n": 2}, stamp("2")) == 1
    assert history(engine) == [("1", "1", 1), ("2", "1", 2)]


def test_a_table_of_history_is_not_taken_of_itself(engine: Engine) -> None:
    put(engine, id="1", n=1)
    take(engine)
    with writing(engine) as db, pytest.raises(Permanent, match="have a column snapshot_at themselves"):
        snapshots.take(db, "other", Query("history"), stamp())
    with writing(engine) as db, pytest.raises(Permanent, match="is the table itself"):
        snapshots.take(db, "things", Query("things"), stamp())
    with writing(engine) as db, pytest.raises(Permanent, match="is no table a rule may"):
        snapshots.take(db, "tieback_runs", Query("things"), stamp())
