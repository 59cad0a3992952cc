"""file.csv: what stands in the file, and that it stands there once."""

from __future__ import annotations

import csv
import hashlib
import io
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from automations.memory import MemoryJournal
from config.problems import Problems
from tests.automations.actions.filing import RUBBISH, Desk

ROWS: list[dict[str, Any]] = [
    {"n": 1, "title": "Door, 12", "due": date(2026, 3, 1), "at": datetime(2026, 3, 1, 8, tzinfo=UTC),
     "body": {"s": {"name": "Open"}}},
    {"n": 2, "title": None, "due": None, "at": None, "body": None},
]  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, ROWS)


def lines(desk: Desk, path: str = "a.csv") -> list[list[str]]:
    return list(csv.reader(io.StringIO(desk.bytes_of(path).decode(), newline="")))


def test_a_table_as_it_stands(desk: Desk) -> None:
    output = desk.output("file.csv", "path: exports/a.csv, table: things, order: n")
    text = desk.bytes_of("exports/a.csv")
    assert text.decode() == (
        'n,title,due,at,body\r\n1,"Door, 12",2026-03-01,2026-03-01T08:00:00Z,"{""s"":{""name"":""Open""}}"\r\n2,,,,\r\n'
    )
    assert output == {
        "path": "exports/a.csv", "rows": 2, "bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()
    }  # fmt: skip


def test_chosen_columns_with_headings_and_a_way_into_maps(desk: Desk) -> None:
    desk.output("file.csv", "path: a.csv, table: things, columns: [n, {name: body.s.name, heading: Status}], order: n")
    assert lines(desk) == [["n", "Status"], ["1", "Open"], ["2", ""]]
    desk.output("file.csv", "path: b.csv, table: things, columns: {title: Title, n: No.}, where: {n: 1}")
    assert lines(desk, "b.csv") == [["Title", "No."], ["Door, 12", "1"]]


def test_rows_of_an_earlier_step_and_other_forms(desk: Desk) -> None:
    rows = "rows: [{a: 1, b: x}, {a: 2, c: true}]"
    desk.output("file.csv", f"path: a.csv, {rows}")
    assert lines(desk) == [["a", "b", "c"], ["1", "x", ""], ["2", "", "true"]]
    desk.output("file.csv", f"path: b.csv, {rows}, delimiter: tab, header: false, encoding: utf-8-bom")
    assert desk.bytes_of("b.csv") == b"\xef\xbb\xbf1\tx\t\r\n2\t\ttrue\r\n"
    desk.output("file.csv", "path: c.csv, rows: [{a: 'Ü €\u2192'}], header: false, encoding: windows-1252")
    assert desk.bytes_of("c.csv") == b"\xdc \x80?\r\n"


def test_no_row_is_a_file_too(desk: Desk) -> None:
    assert desk.output("file.csv", "path: a.csv, table: things, where: {n: 7}, columns: [n, title]")["rows"] == 0
    assert desk.bytes_of("a.csv") == b"n,title\r\n"
    desk.output("file.csv", "path: b.csv, rows: []")
    assert desk.bytes_of("b.csv") == b""


def test_rubbish_is_written_and_read_back_as_text(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [RUBBISH])
    desk.output("file.csv", "path: a.csv, table: things")
    found = dict(zip(*lines(desk), strict=True))
    assert found["huge"] == "1" + "0" * 400
    assert {k: found[k] for k in ("nan", "inf", "half", "nul", "bytes", "none", "true", "tiny", "exact", "large")} == {
        "nan": "", "inf": "", "half": "a\ufffdb", "nul": "a\ufffdb", "bytes": "AP8=", "none": "", "true": "true",
        "tiny": "0.0000001", "exact": "0.1", "large": "9007199254740993",
    }  # fmt: skip
    assert (found["nested"], found["breaks"]) == ('{"a":[1,{"b":null}]}', 'say "hi",\r\nor not')


def test_appended_once_though_the_process_died_before_it_was_kept(desk: Desk) -> None:
    add = "path: a.csv, rows: [{n: 7}], mode: append"
    desk.output("file.csv", add, key="e1")
    # When another event's step is done and its process dies
    desk.crash("file.csv", add, key="e2")
    assert lines(desk) == [["n"], ["7"], ["7"]]
    # Then the next attempt finds it there
    output = desk.output("file.csv", add, key="e2")
    assert lines(desk) == [["n"], ["7"], ["7"]]
    assert (output["rows"], output["bytes"]) == (1, len(desk.bytes_of("a.csv")))


def test_replaced_again_after_a_crash_it_is_the_same_file(desk: Desk) -> None:
    desk.crash("file.csv", "path: a.csv, table: things")
    before = desk.bytes_of("a.csv")
    desk.output("file.csv", "path: a.csv, table: things")
    assert desk.bytes_of("a.csv") == before


def test_new_is_made_once_and_never_over_another_file(desk: Desk) -> None:
    desk.crash("file.csv", "path: a.csv, rows: [{n: 1}], mode: new", key="e1")
    assert desk.output("file.csv", "path: a.csv, rows: [{n: 1}], mode: new", key="e1")["rows"] == 1
    error = desk.error("file.csv", "path: a.csv, rows: [{n: 2}], mode: new", key="e2")
    assert error["kind"] == "exists"
    assert lines(desk) == [["n"], ["1"]]


def test_what_has_other_columns_is_not_appended(desk: Desk) -> None:
    desk.output("file.csv", "path: a.csv, rows: [{n: 7}], mode: append", key="e1")
    error = desk.error("file.csv", "path: a.csv, rows: [{m: 7}], mode: append", key="e2")
    assert "the file begins with 'n' and these rows have the columns 'm'" in error["message"]


def test_a_path_of_values_stays_below_the_root(desk: Desk) -> None:
    assert desk.output("file.csv", 'path: "out/${record.title}: 1.csv", rows: []')["path"].startswith("out/Beam pocket depth")
    error = desk.error("file.csv", "path: \"out/${'../' + record.title}.csv\", rows: []")
    assert "leads out of its folder" in error["message"]


def test_a_destination_is_a_folder_of_its_own(desk: Desk) -> None:
    assert desk.output("file.csv", "path: a.csv, to: 'files:exports', rows: []")["path"] == "exports/a.csv"


def test_in_shadow_nothing_is_written(desk: Desk) -> None:
    journal = MemoryJournal(dry=True, tables=desk.journal.tables)
    assert desk.run("file.csv", "path: a.csv, table: things", journal=journal).state == "ok"
    assert journal.results["write"].output["would"] == "file.csv: replace a.csv"
    assert not desk.root.exists()


def test_rows_that_are_no_maps_are_an_error(desk: Desk) -> None:
    assert "one is 'x'" in desk.error("file.csv", "path: a.csv, rows: [x]")["message"]


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ("rows: []", "TB132"),
        ("path: a.csv", "TB133"),
        ("path: a.csv, rows: [], table: things", "TB133"),
        ("path: a.csv, rows: [], where: {n: 1}", "TB133"),
        ("path: ../a.csv, rows: []", "TB133"),
        ("path: /a.csv, rows: []", "TB133"),
        ("path: a.csv, rows: [], mode: add", "TB112"),
        ("path: a.csv, rows: [], delimiter: x", "TB112"),
        ("path: a.csv, rows: [], to: 'http:erp'", "TB136"),
        ("path: a.csv, rows: [], to: 'files:other'", "TB136"),
        ("path: a.csv, table: tieback_runs", "TB134"),
        ("path: a.csv, table: things, from: 'http:erp'", "TB136"),
        ("path: a.csv, rows: [], columns: [{nam: n}]", "TB131"),
    ],
)
def test_what_cannot_be_written_is_refused_at_load(parameters: str, code: str, desk: Desk) -> None:
    with pytest.raises(Problems) as raised:
        desk.run("file.csv", parameters)
    assert code in {p.code for p in raised.value.found}
