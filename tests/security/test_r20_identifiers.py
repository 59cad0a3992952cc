"""R20: names of tables and columns come from a narrow alphabet and from what is really there; values are bound."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from sqlalchemy import Engine, text

from automations.engine import run
from automations.memory import MemoryJournal
from config.errors import Permanent
from config.problems import Problems
from store import queries, snapshots, tables
from store.queries import Query
from store.session import reading, writing
from tests.automations.given import TABLES, Far, automation, rfi, scope

HOSTILE = (
    'x"; drop table rfis; --', "x'; drop table rfis; --", "x`; drop table rfis", "rfis; select 1", "rfis--", "rfis/**/", "1rfis",
    "rfis.id", "RFIS", "rfis ", " rfis", "rfis\n", "rfis\x00", "", "a" * 64, "tieback_runs", "information_schema.tables",
    "ｒｆｉｓ",
    "rfıs", "pg_catalog.pg_class", "*", "id = id or 1", "%", "_", "rfis\\",
)  # fmt: skip


@pytest.fixture
def filled(engine: Engine) -> Engine:
    with writing(engine) as db:
        tables.upsert(db, "rfis", ("id",), {"id": "1", "status": "open"}, version=None)
    return engine


def whole(engine: Engine) -> list[Any]:
    with reading(engine) as db:
        return [tuple(row) for row in db.execute(text("SELECT id, status FROM rfis"))]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_of_a_table_becomes_sql(name: str, filled: Engine) -> None:
    with pytest.raises(Permanent):
        list(queries.stream(filled, Query(name)))
    stamp = {"snapshot_at": None, "snapshot_run": "1", "snapshot_step": "s"}
    with pytest.raises(Permanent), writing(filled) as db:
        snapshots.take(db, name, Query("rfis"), stamp)
    with pytest.raises(Permanent), writing(filled) as db:
        tables.upsert(db, name, ("id",), {"id": "2"}, version=None)
    assert whole(filled) == [("1", "open")]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_of_a_column_becomes_sql(name: str, filled: Engine) -> None:
    for query in (Query("rfis", columns=[name]), Query("rfis", [(name, "is", 1)]), Query("rfis", order=[(name, True)])):
        with pytest.raises(Permanent):
            list(queries.stream(filled, query))
    assert whole(filled) == [("1", "open")]


@pytest.mark.parametrize("value", HOSTILE)
def test_every_value_is_bound(value: str, filled: Engine) -> None:
    for sign in ("is", "not", "lt", "ge", "contains", "starts"):
        list(queries.stream(filled, Query("rfis", [("status", sign, value)])))
    list(queries.stream(filled, Query("rfis", [("status", "in", [value, None])])))
    assert whole(filled) == [("1", "open")]


def test_ten_thousand_names_of_all_alphabets_are_refused() -> None:
    letters = [chr(code) for code in range(0x80, 0x3000) if unicodedata.category(chr(code)).startswith("L")][:10_000]
    assert len(letters) > 4_000
    assert [letter for letter in letters if tables.NAME.match(letter) or tables.NAME.match(f"a{letter}")] == []


@pytest.mark.parametrize("name", sorted({*HOSTILE} - {"tieback_runs"}))  # which may be the name of a column
def test_a_rule_with_such_a_name_does_not_load(name: str) -> None:
    written = repr(name) if name.isprintable() and "\\" not in name and '"' not in name and "'" not in name else '"x;y"'
    for step in (
        f"use: db.query, with: {{table: {written}}}",
        f"use: db.query, with: {{table: rfis, where: {{{written}: 1}}}}",
        f"use: db.query, with: {{table: rfis, columns: [{written}]}}",
        f"use: db.snapshot, with: {{table: rfis, into: {written}}}",
        f"use: file.csv, with: {{path: a.csv, table: {written}}}",
        f"use: file.csv, with: {{path: a.csv, table: rfis, where: {{{written}: 1}}}}",
    ):
        with pytest.raises(Problems):
            automation(f"do:\n  - {{id: a, {step}}}\n")


def test_a_name_that_a_record_brings_is_no_column(filled: Engine) -> None:
    rule = automation('do:\n  - {id: a, use: db.query, with: {table: rfis, where: "${record.custom_fields}"}}\n')
    for name in HOSTILE:
        given = scope(record=rfi(custom_fields={name: 1}))
        outcome = run(rule, given, MemoryJournal(tables=dict(TABLES)), Far())
        assert outcome.state == "failed" or name in ("tieback_runs",), name
