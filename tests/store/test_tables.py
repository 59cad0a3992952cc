"""Users' tables: made and widened by what rules write, the same on both databases, and never losing newer to older."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest
from sqlalchemy import Engine, text

from config.errors import Permanent
from store import tables
from store.session import reading, writing

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
LATER = NOON + dt.timedelta(hours=1)


def put(engine: Engine, row: dict[str, Any], *, name: str = "things", key: tuple[str, ...] = ("id",), **options: Any) -> str:
    with writing(engine) as db:
        return tables.upsert(db, name, key, row, **{"version": None, **options})


def record(engine: Engine, updated: dt.datetime | None, fetched: dt.datetime = NOON, **values: Any) -> str:
    row = {"connector": "acme", "id": "1", "updated_at": updated, "deleted_at": None, "fetched_at": fetched, **values}
    return put(engine, row, name="rfis", key=tables.STANDARD_KEY, version="updated_at")


def mark(engine: Engine, at: dt.datetime) -> str:
    row = {"connector": "acme", "id": "1", "deleted_at": at}
    return put(engine, row, name="rfis", key=tables.STANDARD_KEY, deletes=True)


def column(engine: Engine, name: str, table: str = "things") -> list[Any]:
    with reading(engine) as db:
        return list(db.scalars(text(f'SELECT "{name}" FROM "{table}" ORDER BY id')))


def test_a_row_is_inserted_then_unchanged_then_updated(engine: Engine) -> None:
    assert [put(engine, {"id": "1", "n": n}) for n in (1, 1, 2)] == ["inserted", "unchanged", "updated"]
    assert column(engine, "n") == [2]


@pytest.mark.parametrize(
    ("first", "then", "stand"),
    [
        (1, "A-3", ["1", "A-3"]),
        (1, 2.5, [1.0, 2.5]),
        (1.5, "n/a", ["1.5", "n/a"]),
        (True, 7, [1, 7]),
        (True, 2.5, [1.0, 2.5]),
        (True, "maybe", ["true", "maybe"]),
        (1, {"a": 1}, ["1", '{"a":1}']),
        (1, 2**70, ["1", str(2**70)]),
        (1, NOON, ["1", "2026-03-01T12:00:00Z"]),
        (1, "007", ["1", "007"]),
    ],
)
def test_a_column_moves_to_a_type_that_holds_old_and_new(engine: Engine, first: Any, then: Any, stand: list[Any]) -> None:
    put(engine, {"id": "1", "v": first})
    put(engine, {"id": "2", "v": then})
    assert column(engine, "v") == stand


@pytest.mark.parametrize(
    ("first", "then", "stand"),
    [
        ("a", 5, ["a", "5"]),
        ("a", True, ["a", "true"]),
        ("a", ["x"], ["a", '["x"]']),
        ("a", dt.date(2026, 3, 1), ["a", "2026-03-01"]),
        ("a", "b\x00\ud800c", ["a", "b\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}c"]),
        (5, True, [5, 1]),
        (5, "6", [5, 6]),
        (1.5, 2, [1.5, 2.0]),
        (1.5, "2.25", [1.5, 2.25]),
        (5, None, [5, None]),
    ],
)
def test_a_value_is_made_to_fit_a_column_that_can_hold_it(engine: Engine, first: Any, then: Any, stand: list[Any]) -> None:
    put(engine, {"id": "1", "v": first})
    put(engine, {"id": "2", "v": then})
    assert column(engine, "v") == stand
    assert put(engine, {"id": "2", "v": then}) == "unchanged"


@pytest.mark.parametrize("then", ["soon", 5, ["x"], True])
@pytest.mark.parametrize("first", [NOON, dt.date(2026, 3, 1)])
def test_what_is_no_time_is_refused_by_a_column_of_times_in_one_sentence(engine: Engine, first: Any, then: Any) -> None:
    put(engine, {"id": "1", "due": first})
    with pytest.raises(Permanent, match=r"things\.due holds (datetime|timestamp|date).* is none"):
        put(engine, {"id": "2", "due": then})


def test_times_are_taken_as_text_date_or_moment(engine: Engine) -> None:
    put(engine, {"id": "1", "at": NOON, "day": dt.date(2026, 3, 1)})
    assert put(engine, {"id": "1", "at": "2026-03-01T12:00:00Z", "day": "2026-03-01"}) == "unchanged"
    assert put(engine, {"id": "1", "at": dt.date(2026, 3, 2), "day": NOON}) == "updated"


def test_a_json_column_takes_anything(engine: Engine) -> None:
    put(engine, {"id": "1", "v": {"a": [1]}})
    for value in ("text", 5, [True], {"nul": "a\x00b"}, None):
        assert put(engine, {"id": "2", "v": value}) in ("inserted", "updated")


def test_a_new_key_of_a_row_becomes_a_column_and_nothing_is_ever_dropped(engine: Engine) -> None:
    put(engine, {"id": "1", "a": 1})
    put(engine, {"id": "2", "b": "x"})
    assert (column(engine, "a"), column(engine, "b")) == ([1, None], [None, "x"])


@pytest.mark.parametrize("name", ["tieback_runs", "Rfis", "r;drop", "", "a" * 64, 'x"y'])
def test_names_that_are_ours_or_none_are_refused(engine: Engine, name: str) -> None:
    with pytest.raises(Permanent):
        put(engine, {"id": "1"}, name=name)
    with pytest.raises(Permanent):
        put(engine, {"id": "1", name.removeprefix("tieback_runs") or "A": 1})


def test_two_tables_and_columns_of_63_signs_that_differ_at_the_end_do_not_collide(engine: Engine) -> None:
    for end in "ab":
        assert put(engine, {"id": "1", "c" * 62 + end: 1}, name="t" * 62 + end) == "inserted"


def test_words_of_sql_are_names_like_any_other(engine: Engine) -> None:
    assert put(engine, {"order": 1, "select": True}, name="table", key=("order",)) == "inserted"
    assert put(engine, {"order": 1, "select": "x", "where": 1.5}, name="table", key=("order",)) == "updated"


def test_newer_is_never_lost_to_older(engine: Engine) -> None:
    assert record(engine, LATER) == "inserted"
    assert record(engine, NOON, record_hash="old") == "older"
    assert record(engine, LATER + dt.timedelta(seconds=1), record_hash="new") == "updated"


def test_of_two_copies_of_the_same_second_the_one_read_later_stays(engine: Engine) -> None:
    record(engine, NOON, fetched=NOON, record_hash="a")
    assert record(engine, NOON, fetched=LATER, record_hash="b") == "updated"
    assert record(engine, NOON, fetched=NOON, record_hash="a") == "older"


def test_a_mark_that_comes_before_the_row_holds_against_an_older_copy(engine: Engine) -> None:
    assert mark(engine, LATER) == "inserted"
    assert record(engine, NOON) == "older"
    assert mark(engine, LATER) == "unchanged"
    # When the record was made anew after that
    assert record(engine, LATER + dt.timedelta(hours=1)) == "updated"
    assert column(engine, "deleted_at", "rfis") == [None]


def test_a_mark_leaves_the_rest_of_the_row(engine: Engine) -> None:
    record(engine, NOON, body={"subject": "Beam"}, record_hash="h")
    assert mark(engine, LATER) == "updated"
    assert column(engine, "record_hash", "rfis") == ["h"]


def test_a_row_of_own_columns_that_is_written_again_is_no_longer_deleted(engine: Engine) -> None:
    put(engine, {"id": "7", "problem": "differs"})
    put(engine, {"id": "7", "deleted_at": NOON}, deletes=True)
    assert put(engine, {"id": "7", "problem": "differs"}) == "updated"
    assert column(engine, "deleted_at") == [None]


def test_a_version_of_before_the_mark_brings_no_row_back(engine: Engine) -> None:
    put(engine, {"id": "7", "row_version": NOON.isoformat()}, version="row_version")
    put(engine, {"id": "7", "deleted_at": LATER}, deletes=True)
    put(engine, {"id": "7", "row_version": (NOON + dt.timedelta(minutes=1)).isoformat()}, version="row_version")
    assert column(engine, "deleted_at") != [None]
    put(engine, {"id": "7", "row_version": (LATER + dt.timedelta(minutes=1)).isoformat()}, version="row_version")
    assert column(engine, "deleted_at") == [None]


def test_a_table_that_a_user_made_is_widened_and_kept_one_row_per_key(engine: Engine) -> None:
    with writing(engine) as db:
        db.execute(text("CREATE TABLE things (id INTEGER PRIMARY KEY, body TEXT, updated_at VARCHAR(40))"))
        db.execute(text("INSERT INTO things VALUES (1, 'mine', 'long ago')"))
    assert put(engine, {"id": "1", "body": {"a": 1}, "extra": 2.5}) == "updated"
    assert put(engine, {"id": "2", "body": "plain", "updated_at": NOON}) == "inserted"
    assert (column(engine, "id"), column(engine, "body")) == ([1, 2], ['{"a":1}', "plain"])
    assert column(engine, "updated_at") == ["long ago", "2026-03-01T12:00:00Z"]


def test_a_table_without_the_unique_index_still_has_one_row_per_key(engine: Engine) -> None:
    with writing(engine) as db:
        db.execute(text("CREATE TABLE things (id TEXT, n BIGINT)"))
    assert [put(engine, {"id": "1", "n": n}) for n in (1, 2)] == ["inserted", "updated"]
    assert column(engine, "n") == [2]


def test_another_unique_key_that_is_hit_is_told_in_one_sentence(engine: Engine) -> None:
    put(engine, {"id": "1", "number": "A"}, key=("number",))
    with pytest.raises(Permanent, match="collides with another one"):
        put(engine, {"id": "2", "number": "A"}, key=("id",))


@pytest.mark.parametrize("settings", [pytest.param("postgresql", marks=pytest.mark.services)], indirect=True)
def test_a_label_that_is_added_to_an_enum_later_is_taken_and_read(engine: Engine) -> None:
    with writing(engine) as db:
        db.execute(text("CREATE TYPE mood AS ENUM ('calm')"))
        db.execute(text("CREATE TABLE things (id TEXT PRIMARY KEY, n mood)"))
    assert put(engine, {"id": "1", "n": "calm"}) == "inserted"
    with writing(engine) as db:
        db.execute(text("ALTER TYPE mood ADD VALUE 'cross'"))
    assert [put(engine, {"id": "1", "n": n}) for n in ("cross", "calm")] == ["updated", "updated"]


def test_eight_threads_that_make_the_same_table_and_row_leave_one(engine: Engine) -> None:
    outcomes: list[str] = []
    together = threading.Barrier(8)

    def work(n: int) -> None:
        together.wait()
        outcomes.append(put(engine, {"id": "1", f"c{n}": n}))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["inserted"] + ["updated"] * 7
    assert [column(engine, f"c{n}") for n in range(8)] == [[n] for n in range(8)]


def many(db: Any, rows: list[dict[str, Any]]) -> dict[str, str]:
    return tables.upsert_many(db, tables.ready(db, "rfis", rows), rows)


def standard(id: str, **values: Any) -> dict[str, Any]:
    moment = dt.datetime(2026, 3, 1, 10, tzinfo=dt.UTC)
    return {
        "connector": "acme", "company_id": "1", "project_id": "2", "id": id, "updated_at": moment, "deleted_at": None,
        "fetched_at": moment, "event_id": None, "run_id": None, "record_hash": "h", "body": {"id": id}, **values,
    }  # fmt: skip


def test_many_rows_go_in_at_once_and_say_what_became_of_each(engine: Engine) -> None:
    late = dt.datetime(2026, 4, 1, tzinfo=dt.UTC)
    with writing(engine) as db:
        assert many(db, [standard("1"), standard("2", updated_at=late)]) == {
            "1": "inserted",
            "2": "inserted",
        }
    with writing(engine) as db:
        again = [standard("1", record_hash="x"), standard("2", record_hash="x"), standard("3"), standard("4")]
        found = many(db, again)
    assert found == {"1": "updated", "2": "older", "3": "inserted", "4": "inserted"}
    with writing(engine) as db:
        assert set(many(db, [standard("3"), standard("4")]).values()) == {"unchanged"}


def test_a_row_that_was_marked_deleted_comes_back_only_when_it_was_read_well_after_that(engine: Engine) -> None:
    gone = dt.datetime(2026, 3, 1, 11, tzinfo=dt.UTC)
    with writing(engine) as db:
        many(db, [standard("1")])
        tables.mark_many(db, "rfis", "acme", {"1": gone, "2": gone})
    with writing(engine) as db:
        soon = standard("1", fetched_at=gone + dt.timedelta(seconds=30))
        assert many(db, [soon]) == {"1": "older"}
        later = standard("1", fetched_at=gone + dt.timedelta(minutes=2))
        assert many(db, [later]) == {"1": "updated"}


def test_a_table_made_by_hand_takes_the_rows_when_its_key_is_right(engine: Engine) -> None:
    with writing(engine) as db:
        db.execute(text("CREATE TABLE rfis (connector varchar(20), id bigint, mine text, PRIMARY KEY (id, connector))"))
        assert many(db, [standard("1"), standard("2")]) == {"1": "inserted", "2": "inserted"}
        assert many(db, [standard("2")]) == {"2": "unchanged"}
        assert list(db.execute(text("SELECT id, record_hash FROM rfis ORDER BY id"))) == [(1, "h"), (2, "h")]


def test_a_table_with_another_key_refuses_many_rows_with_the_mend(engine: Engine) -> None:
    with writing(engine) as db:
        db.execute(text("CREATE TABLE rfis (connector text, id text PRIMARY KEY)"))
    with pytest.raises(Permanent, match=r"not unique by \(connector, id\).*Rename it"), writing(engine) as db:
        many(db, [standard("1")])
