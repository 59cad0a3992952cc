"""Reading users' tables: the same answers on both databases, at one moment, and never SQL."""

from __future__ import annotations

import datetime as dt
import threading
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import Engine, text

from config.errors import Permanent
from store import queries, tables
from store.queries import Query
from store.session import writing

J: dict[str, Any] = {"a": 1}
DAY = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
ROWS: tuple[dict[str, Any], ...] = (
    {"id": "1", "connector": "acme", "status": "open", "n": 3, "half": 0.5, "due": DAY.date(), "yes": True, "at": DAY, "j": J},
    {"id": "2", "connector": "acme", "status": "Closed_100%", "n": 1, "half": 1.5, "due": None, "yes": False, "at": None},
    {"id": "3", "connector": "acme", "status": None, "n": 2, "half": None, "due": DAY.date() + dt.timedelta(9), "yes": None,
     "at": DAY + dt.timedelta(1), "j": []},
    {"id": "4", "connector": "other", "status": "open", "n": 4, "half": 2.0, "due": DAY.date(), "yes": True, "at": DAY, "j": {}},
)  # fmt: skip


@pytest.fixture
def filled(engine: Engine) -> Engine:
    with writing(engine) as db:
        for row in ROWS:
            tables.upsert(db, "things", ("connector", "id"), row, version=None)
        tables.upsert(
            db, "things", ("connector", "id"), {"connector": "acme", "id": "2", "deleted_at": DAY}, version=None, deletes=True
        )
    return engine


def ids(engine: Engine, *where: Any, **given: Any) -> list[str]:
    asked: dict[str, Any] = {"order": [("id", False)], "deleted": True} | given
    return [row["id"] for row in queries.stream(engine, Query("things", where, **asked))]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (("status", "is", "open"), "14"),
        (("status", "is", None), "3"),
        (("status", "not", "open"), "23"),
        (("status", "not", None), "124"),
        (("status", "in", ["open", None]), "134"),
        (("status", "not_in", ["open"]), "23"),
        (("status", "not_in", ["open", None]), "2"),
        (("status", "in", []), ""),
        (("status", "contains", "CLOSED"), "2"),
        (("status", "contains", "d_100%"), "2"),
        (("status", "starts", "%"), ""),
        (("status", "contains", "_"), "2"),
        (("id", "is", 1), "1"),
        (("n", "gt", 2), "14"),
        (("n", "le", "2"), "23"),
        (("half", "ge", 1.5), "24"),
        (("half", "lt", 1), "1"),
        (("yes", "is", False), "2"),
        (("due", "is", "2026-03-01"), "14"),
        (("due", "gt", DAY), "3"),
        (("at", "lt", "2026-03-02T00:00:00Z"), "14"),
        (("at", "is", DAY.date()), "14"),
    ],
)
def test_a_comparison_means_the_same_on_both_databases(where: Any, found: str, filled: Engine) -> None:
    assert "".join(ids(filled, where)) == found


def test_deleted_rows_and_those_of_other_connectors_are_left_out_until_named(filled: Engine) -> None:
    assert ids(filled, deleted=False, connector="acme") == ["1", "3"]
    assert ids(filled, ("deleted_at", "not", None), deleted=False) == ["2"]
    assert ids(filled, ("connector", "in", ["acme", "other"]), connector="acme") == ["1", "2", "3", "4"]


def test_nothing_comes_last_in_either_order_and_the_id_settles_what_is_equal(filled: Engine) -> None:
    assert ids(filled, order=[("due", False)]) == ["1", "4", "3", "2"]
    assert ids(filled, order=[("due", True)]) == ["3", "1", "4", "2"]
    assert ids(filled, order=[("n", True)], limit=2) == ["4", "1"]


def test_values_come_back_as_they_are(filled: Engine) -> None:
    (row,) = queries.stream(filled, Query("things", [("id", "is", "1")], columns=["j", "at", "due", "yes", "half", "n"]))
    assert row == {"j": {"a": 1}, "at": DAY, "due": DAY.date(), "yes": True, "half": 0.5, "n": 3}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (Query("nothing"), 'there is no table "nothing" yet'),
        (Query("things", columns=["stauts"]), 'no column "stauts"; did you mean "status"'),
        (Query("things", [("stauts", "is", 1)]), "did you mean"),
        (Query("things", order=[("stauts", False)]), "did you mean"),
        (Query("things", [("j", "is", 1)]), "holds JSON"),
        (Query("things", order=[("j", False)]), "holds JSON"),
        (Query("things", [("n", "is", "many")]), "holds bigint"),
        (Query("things", [("n", "gt", 10**400)]), "holds bigint"),
        (Query("things", [("half", "gt", float("nan"))]), "holds double"),
        (Query("things", [("due", "is", "soon")]), "holds date"),
        (Query("things", [("yes", "is", "yes")]), "holds boolean"),
        (Query("things", [("status", "is", {"a": 1})]), "is none"),
        (Query("things", [("yes", "lt", True)]), "true is neither less"),
        (Query("things", [("n", "lt", None)]), "null is neither less nor more"),
        (Query("things", [("n", "contains", "1")]), "compares text with text"),
        (Query("things", [("id", "in", list(range(1001)))]), "at most 1000"),
        (Query("things", [("id", "in", "12")]), "takes a list"),
    ],
)
def test_what_cannot_be_compared_is_an_error_and_never_simply_not_found(query: Query, said: str, filled: Engine) -> None:
    with pytest.raises(Permanent, match=said):
        list(queries.stream(filled, query))


def test_a_long_reading_sees_one_moment_and_holds_no_writer_up(filled: Engine) -> None:
    with writing(filled) as db:
        for number in range(3000):
            row = {"id": f"x{number:05}", "connector": "acme", "n": 1}
            tables.upsert(db, "things", ("connector", "id"), row, version=None)
    with closing(queries.stream(filled, Query("things", [("id", "starts", "x")], [("id", False)]))) as reading:
        first = next(reading)
        # When others write in the middle of it
        done = threading.Event()

        def write() -> None:
            with writing(filled) as db:
                db.execute(text("DELETE FROM things WHERE id LIKE 'x%'"))
            done.set()

        thread = threading.Thread(target=write)
        thread.start()
        assert done.wait(20), "the writer waits for the reader"
        thread.join()
        # Then it still sees all that was there
        assert [first["id"], *(row["id"] for row in reading)] == [f"x{number:05}" for number in range(3000)]


def test_a_reading_that_is_left_in_the_middle_leaves_nothing(filled: Engine) -> None:
    for _ in range(3):
        with closing(queries.stream(filled, Query("things"))) as reading:
            next(reading)
    assert len(list(queries.stream(filled, Query("things", deleted=True)))) == 4


def test_a_column_that_holds_what_its_type_does_not_allow_is_said(engine: Engine) -> None:
    if engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL keeps what fits only")
    with writing(engine) as db:
        db.execute(text("CREATE TABLE byhand (id TEXT, at TIMESTAMP)"))
        db.execute(text("INSERT INTO byhand VALUES ('1', 'soon')"))
    with pytest.raises(Permanent, match="does not allow"):
        list(queries.stream(engine, Query("byhand")))
