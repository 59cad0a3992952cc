"""Lookup tables: rows with columns that a check knows, and clear words for every table that is not one."""

from __future__ import annotations

from pathlib import Path

import pytest

from automations import tables
from automations.expressions import check
from automations.fields import Field, a_map
from automations.tables import MAX_BYTES, MAX_ROWS, table
from config.problems import Problems

CSV = "discipline,email,phone\nHVAC,hvac@arch.example,010\nSteel,steel@arch.example,\n"


def test_a_csv_is_rows_of_text() -> None:
    found = table(CSV, "lookups/consultants.csv")
    assert found.name == "consultants"
    assert found.rows[0] == {"discipline": "HVAC", "email": "hvac@arch.example", "phone": "010"}
    assert {name: column.kind for name, column in (found.item.fields or {}).items()} == dict.fromkeys(found.rows[0], "text")


def test_yaml_keeps_numbers_and_ids_are_text() -> None:
    found = table("- {id: 598134000002001, floor: 3, site: NO}\n- {id: 7, floor: 4.5}\n", "lookups/quiet_projects.yaml")
    assert found.rows == [{"id": "598134000002001", "floor": 3, "site": "NO"}, {"id": "7", "floor": 4.5, "site": None}]
    assert found.item.fields == {"id": Field("id"), "floor": Field("float"), "site": Field("text", True)}


@pytest.mark.parametrize("sign", [";", "\t"])
def test_what_spreadsheets_of_other_countries_write_is_read(sign: str) -> None:
    text = CSV.replace(",", sign).replace("\n", "\r\n")
    assert table(text, "lookups/consultants.csv").rows == table(CSV, "lookups/consultants.csv").rows


def test_a_rule_finds_a_row_and_a_misspelt_column_is_an_error() -> None:
    known = {"consultants": table(CSV, "lookups/consultants.csv")}
    scope = a_map(None, lookup=tables.scope_of(known))
    right, _ = check('lookup.consultants.filter(c, c.discipline == "HVAC")[0].email', scope)
    assert right is not None
    assert right.evaluate({"lookup": tables.values_of(known)}) == "hvac@arch.example"
    _, findings = check('lookup.consultants.filter(c, c.disciplin == "HVAC")', scope)
    assert [(f.code, f.message) for f in findings] == [
        ("TB204", 'lookup.consultants has no field "disciplin"; did you mean "discipline"?')
    ]
    _, findings = check("lookup.consultant.size() > 0", scope)
    assert [f.message for f in findings] == ['there is no lookup table "consultant"; did you mean "consultants"?']


@pytest.mark.parametrize(
    ("file", "text", "line", "code", "says"),
    [
        ("a.csv", "", 1, "TB105", "names of its columns"),
        ("a.csv", "Trade Name,x\n1,2\n", 1, "TB108", 'write "trade_name"'),
        ("a.csv", "a,a\n1,2\n", 1, "TB102", "twice"),
        ("a.csv", "a,in\n1,2\n", 1, "TB108", '"in"'),
        ("a.csv", "a,b\n1,2\n1,2,3\n", 3, "TB106", "3 values and the first has 2"),
        ("a.csv", 'a,b\n1,"2"x\n', 2, "TB101", "quotes"),
        ("a.csv", "a\n" + "1\n" * (MAX_ROWS + 1), MAX_ROWS + 2, "TB103", "rows"),
        ("a.csv", "a\n" + "x" * MAX_BYTES, 1, "TB103", "KiB"),
        ("a.yaml", "a: 1\n", 1, "TB106", "list of rows"),
        ("a.yaml", "- a: 1\n- 2\n", 2, "TB106", "a row is a mapping"),
        ("a.yaml", "- {Trade Name: x}\n", 1, "TB108", "trade_name"),
        ("Übersicht.csv", "a\n1\n", 1, "TB108", "call the file"),
    ],
)
def test_a_table_that_is_none_is_refused_with_its_line(file: str, text: str, line: int, code: str, says: str) -> None:
    with pytest.raises(Problems) as raised:
        table(text, f"lookups/{file}")
    (found,) = raised.value.found
    assert (found.line, found.code) == (line, code)
    assert says in found.message


def test_one_broken_table_never_hides_another(tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text(CSV)
    (tmp_path / "good.yaml").write_text("- {a: 1}\n")
    (tmp_path / "bad.csv").write_bytes(b"\xff\xfe")
    (tmp_path / "notes.txt").write_text("x")
    good, found = tables.lookups_in(tmp_path)
    assert list(good) == ["good"]
    assert [(p.file, p.code) for p in found] == [("lookups/bad.csv", "TB116"), ("lookups/good.yaml", "TB110")]


def test_calendars_are_found_by_the_name_of_their_file(tmp_path: Path) -> None:
    (tmp_path / "us.yaml").write_text("holidays: [12-25]\n")
    (tmp_path / "uk.yaml").write_text("holidays: 1\n")
    good, found = tables.calendars_in(tmp_path)
    assert tables.calendars_values(good) == {"us": "5,6;12-25"}
    assert tables.calendars_scope(good).child("us") is not None
    assert [p.file for p in found] == ["calendars/uk.yaml"]
    assert tables.calendars_in(tmp_path / "none") == ({}, [])
