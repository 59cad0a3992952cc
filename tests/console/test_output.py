from __future__ import annotations

import datetime as dt

import pytest

from console.cli import output


def test_times_end_in_z_and_bytes_become_text() -> None:
    moment = dt.datetime(2026, 3, 1, 11, 0, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    assert output.as_json_value({"at": moment, "raw": b"\xffx", "ids": ("1",)}) == {
        "at": "2026-03-01T10:00:00Z",
        "raw": "\ufffdx",
        "ids": ["1"],
    }


def test_a_cell_is_one_line_without_control_signs() -> None:
    assert output.shown("a\n\x1b[2J\u202eb") == "a \\x1b[2J\\x202eb"
    assert output.shown(None) == "-"
    assert output.shown(["a", "b"]) == "a, b"


def test_columns_line_up_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output.listing(
        [{"id": 1, "name": "long name"}, {"id": 20, "name": "x"}], {"NAME": "name", "ID": "id"}, as_json=False, empty=""
    )
    assert capsys.readouterr().out == "NAME       ID\nlong name  1\nx          20\n"


def test_an_empty_list_leaves_stdout_empty(capsys: pytest.CaptureFixture[str]) -> None:
    output.listing([], {"NAME": "name"}, as_json=False, empty="there is none")
    assert capsys.readouterr() == ("", "there is none\n")
    output.listing([], {"NAME": "name"}, as_json=True, empty="there is none")
    assert capsys.readouterr() == ("[]\n", "")


def test_a_table_on_a_terminal_fits_its_width(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    output.table([["[red]1", "x" * 300]], ["ID", "WHY"])
    out = capsys.readouterr().out
    assert "[red]1" in out
    assert "x…" in out
    assert max(map(len, out.splitlines()[1:])) <= 80


def test_the_last_column_gives_way_first_and_then_the_widest() -> None:
    assert output.fitting([3, 30, 200], 80) == [3, 30, 41]
    assert output.fitting([3, 100, 200], 80) == [3, 59, 12]
    assert output.fitting([3, 4], 80) == [3, 4]
