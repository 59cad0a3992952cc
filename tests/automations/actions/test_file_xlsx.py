"""file.xlsx: read back with another library."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from config.problems import Problems
from tests.automations.actions.filing import RUBBISH, Desk


def cells(desk: Desk, path: str = "a.xlsx", sheet: str = "Sheet1") -> list[list[Any]]:
    book = openpyxl.load_workbook(desk.root / path)
    return [[cell.value for cell in row] for row in book[sheet].iter_rows()]


def test_numbers_dates_and_truth_are_such(tmp_path: Path) -> None:
    row = {
        "whole": 7, "half": 0.5, "money": Decimal("12.25"), "day": date(2026, 3, 1),
        "at": datetime(2026, 3, 1, 8, 30, tzinfo=UTC),
        "yes": True, "text": "007", "number": "12.50", "none": None,
    }  # fmt: skip
    desk = Desk(tmp_path, [row])
    assert desk.output("file.xlsx", "path: a.xlsx, table: things")["rows"] == 1
    heading, values = cells(desk)
    assert heading == list(row)
    assert values == [7, 0.5, 12.25, datetime(2026, 3, 1), datetime(2026, 3, 1, 8, 30), True, "007", "12.50", None]


def test_rubbish_opens_all_the_same(tmp_path: Path) -> None:
    rows = [
        RUBBISH | {"early": date(1804, 7, 4), "late": date(9999, 12, 31), "id": 598134000001001234, "more": "\ufffe\uffff\x0b"}
    ]
    desk = Desk(tmp_path, rows)
    desk.output("file.xlsx", "path: a.xlsx, table: things")
    found = dict(zip(*cells(desk), strict=True))
    assert found["nan"] is None
    assert found["id"] == "598134000001001234"
    assert found["huge"] == "1" + "0" * 400
    assert len(found["text"]) == 32_767
    assert (found["early"], found["late"]) == ("1804-07-04", datetime(9999, 12, 31))
    assert (found["half"], found["nested"]) == ("a\ufffdb", '{"a":[1,{"b":null}]}')


def test_several_sheets_with_names_that_excel_takes(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    sheets = "sheets: {Open: [{n: 1}, {n: 2}], 'a/b:c?': [], History: [{n: 3}], open: [{n: 4}]}"
    assert desk.output("file.xlsx", f"path: a.xlsx, {sheets}")["rows"] == 4
    book = openpyxl.load_workbook(desk.root / "a.xlsx")
    assert book.sheetnames == ["Open", "a_b_c_", "History_", "open~2"]
    assert cells(desk, sheet="Open") == [["n"], [1], [2]]


def test_the_same_rows_make_the_same_bytes(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [{"n": 1}])
    desk.crash("file.xlsx", "path: a.xlsx, table: things")
    before = desk.bytes_of("a.xlsx")
    desk.output("file.xlsx", "path: a.xlsx, table: things")
    assert desk.bytes_of("a.xlsx") == before


def test_more_rows_than_a_sheet_holds_are_an_error_and_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from automations.actions import file_xlsx

    monkeypatch.setattr(file_xlsx, "MOST_ROWS", 3)  # a million rows take half a minute
    desk = Desk(tmp_path, [{"n": n} for n in range(3)])
    assert "a sheet has at most" in desk.error("file.xlsx", "path: a.xlsx, table: things")["message"]
    assert not (desk.root / "a.xlsx").exists()
    assert not list(desk.root.glob(".tieback-*"))


def test_new_is_never_over_another_file(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [{"n": 1}])
    desk.output("file.xlsx", "path: a.xlsx, table: things, mode: new", key="e1")
    assert desk.error("file.xlsx", "path: a.xlsx, table: things, mode: new", key="e2")["kind"] == "exists"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [("path: a.xlsx, rows: [], mode: append", "TB112"), ("path: a.xlsx, sheets: {}", "TB133"), ("path: a.xlsx", "TB133"),
     ("path: a.xlsx, sheets: {a: []}, rows: []", "TB133"), ("path: a.xlsx, sheets: {a: 1}", "TB133")],
)  # fmt: skip
def test_what_cannot_be_written_is_refused_at_load(parameters: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(Problems) as raised:
        Desk(tmp_path).run("file.xlsx", parameters)
    assert code in {p.code for p in raised.value.found}
