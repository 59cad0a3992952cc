"""file.parquet: kinds of columns, and what is said where pyarrow is not installed."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.automations.actions.filing import RUBBISH, Desk

parquet = pytest.importorskip("pyarrow.parquet")
DAY, AT = date(2026, 3, 1), datetime(2026, 3, 1, 8, tzinfo=UTC)


def table(desk: Desk) -> Any:
    return parquet.read_table(desk.root / "a.parquet")


def kinds(desk: Desk) -> dict[str, str]:
    return {field.name: str(field.type) for field in table(desk).schema}


def test_columns_have_the_kind_of_their_values(tmp_path: Path) -> None:
    row = {"i": 1, "f": 0.5, "b": True, "d": DAY, "t": AT, "s": "x", "j": {"a": 1}, "n": None, "m": Decimal("1.10")}
    desk = Desk(tmp_path, [row, dict.fromkeys(row)])
    assert desk.output("file.parquet", "path: a.parquet, table: things")["rows"] == 2
    assert kinds(desk) == {
        "i": "int64", "f": "double", "b": "bool", "d": "date32[day]", "t": "timestamp[us, tz=UTC]", "s": "string", "j": "string",
        "n": "string", "m": "string",
    }  # fmt: skip
    first, second = table(desk).to_pylist()
    assert (first["t"], first["j"], first["m"], second["i"]) == (AT, '{"a":1}', "1.10", None)


def test_kinds_that_meet_in_one_column_find_one_that_holds_both(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [{"a": 1, "b": DAY, "c": 1}, {"a": 0.5, "b": AT, "c": "x"}])
    desk.output("file.parquet", "path: a.parquet, table: things")
    assert kinds(desk) == {"a": "double", "b": "timestamp[us, tz=UTC]", "c": "string"}
    assert table(desk).to_pylist()[0] == {"a": 1.0, "b": datetime(2026, 3, 1, tzinfo=UTC), "c": "1"}


def test_rubbish(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [RUBBISH])
    desk.output("file.parquet", "path: a.parquet, table: things")
    (found,) = table(desk).to_pylist()
    assert (found["nan"], found["huge"], found["half"], found["large"]) == (None, "1" + "0" * 400, "a\ufffdb", 2**53 + 1)


def test_written_kinds_hold_and_a_value_of_another_names_row_and_mend(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [{"n": "7", "d": "2026-03-01", "t": "2026-03-01T08:00:00Z"}])
    columns = "columns: [{name: n, type: int}, {name: d, type: date, heading: Day}, {name: t, type: timestamp}]"
    desk.output("file.parquet", f"path: a.parquet, table: things, {columns}")
    assert table(desk).to_pylist() == [{"n": 7, "Day": DAY, "t": AT}]
    for kind, wrong in (
        ("int", "x"),
        ("int", 1.5),
        ("int", 10**400),
        ("int", True),
        ("double", []),
        ("bool", 1),
        ("date", "soon"),
    ):
        desk = Desk(tmp_path, [{"n": wrong}])
        error = desk.error("file.parquet", f"path: b.parquet, table: things, columns: [{{name: n, type: {kind}}}]")
        assert "row 1: n is" in error["message"], (kind, wrong)
        assert not (desk.root / "b.parquet").exists()


def test_a_late_value_of_another_kind_is_an_error_that_says_what_to_write(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [*({"n": n} for n in range(10_000)), {"n": "many"}])
    error = desk.error("file.parquet", "path: a.parquet, table: things")
    assert "row 10001: n is 'many', and the column holds int. Write columns: [{name: n, type: text}" in error["message"]


def test_no_rows_is_a_file_too(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [])
    desk.output("file.parquet", "path: a.parquet, table: things, columns: [n]")
    assert table(desk).num_rows == 0


def test_where_pyarrow_is_not_installed_the_check_warns_and_a_run_fails_with_one_sentence(tmp_path: Path) -> None:
    # Given a process that cannot find pyarrow
    program = """
import sys
sys.modules["pyarrow"] = None
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "pyarrow" else find(name, *rest)
from pathlib import Path
from tests.automations.actions.filing import Desk
from tests.automations.given import automation
rule = automation("do:\\n  - use: file.parquet\\n    with: {path: a.parquet, rows: []}\\n")
print([(w.code, w.severity, w.line, w.message) for w in rule.warnings])
print(Desk(Path(sys.argv[1])).error("file.parquet", "path: a.parquet, rows: []"))
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)
    sentence = "file.parquet needs pyarrow, which is not installed here. Run: pip install 'tieback[parquet]'"
    warned, failed = done.stdout.splitlines()
    assert warned == repr([("TB139", "warning", 7, sentence)])
    assert f"'message': {sentence!r}" in failed
