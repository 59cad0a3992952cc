"""file.fixed: every column where the payroll program looks for it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from config.problems import Problems
from tests.automations.actions.filing import Desk

COLUMNS = (
    'columns: [{name: badge, width: 6, align: right, pad: "0"}, {name: name, width: 5}, '
    '{name: hours, width: 7, align: right, pad: "0", decimals: 2, implied: true}]'
)


def written(tmp_path: Path, columns: str, *rows: dict[str, Any], more: str = "") -> str:
    desk = Desk(tmp_path, list(rows))
    desk.output("file.fixed", f"path: a.txt, table: things, {columns}{more}")
    return desk.bytes_of("a.txt").decode()


def refused(tmp_path: Path, columns: str, row: dict[str, Any]) -> str:
    desk = Desk(tmp_path, [row])
    message: str = desk.error("file.fixed", f"path: a.txt, table: things, {columns}")["message"]
    assert not (desk.root / "a.txt").exists()
    return message


def test_values_stand_where_they_belong(tmp_path: Path) -> None:
    rows = {"badge": "42", "name": "Ana", "hours": "7.5"}, {"badge": 7, "name": None, "hours": Decimal("-0.25")}
    assert written(tmp_path, COLUMNS, *rows) == "000042Ana  0000750\r\n000007     -000025\r\n"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(12.5, "  12.50"), ("0.005", "   0.01"), (0.1 + 0.2, "   0.30"), ("", "       "), (10, "  10.00"), ("-3", "  -3.00"),
     (float("nan"), "       ")],
)  # fmt: skip
def test_decimals_are_exact(value: Any, shown: str, tmp_path: Path) -> None:
    assert written(tmp_path, "columns: [{name: n, width: 7, align: right, decimals: 2}]", {"n": value}) == f"{shown}\r\n"


def test_no_value_makes_a_second_line(tmp_path: Path) -> None:
    text = written(tmp_path, "columns: [{name: n, width: 12}]", {"n": "a\r\nb\u2028c\x00d\x85e"}, more=", line_end: lf")
    assert text == "a  b c\ufffdd e  \n"


def test_what_is_too_long_is_an_error_and_no_file(tmp_path: Path) -> None:
    assert "row 1: n is 'abcdef', which is 6 letters, and the column has 5" in refused(
        tmp_path, "columns: [{name: n, width: 5}]", {"n": "abcdef"}
    )
    assert "which is 401 letters" in refused(tmp_path, "columns: [{name: n, width: 5}]", {"n": 10**400})


def test_what_is_no_number_is_an_error(tmp_path: Path) -> None:
    for wrong in ("much", "1e", True, [1], "NaN"):
        assert "no number" in refused(tmp_path, "columns: [{name: n, width: 9, decimals: 2}]", {"n": wrong}), wrong


def test_lines_are_added_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    add = "path: a.txt, rows: [{n: x}], columns: [{name: n, width: 3}], mode: append"
    desk.output("file.fixed", add, key="e1")
    desk.crash("file.fixed", add, key="e2")
    desk.output("file.fixed", add, key="e2")
    assert desk.bytes_of("a.txt") == b"x  \r\nx  \r\n"


@pytest.mark.parametrize(
    ("columns", "code"),
    [("", "TB132"), ("columns: []", "TB133"), ("columns: [n]", "TB133"), ("columns: [{name: n, width: 0}]", "TB133"),
     ("columns: [{name: n, width: 3, pad: ab}]", "TB133"), ("columns: [{name: n, width: 3, align: middle}]", "TB112")],
)  # fmt: skip
def test_columns_without_a_width_are_refused_at_load(columns: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(Problems) as raised:
        Desk(tmp_path).run("file.fixed", f"path: a.txt, rows: []{', ' if columns else ''}{columns}")
    assert code in {p.code for p in raised.value.found}
