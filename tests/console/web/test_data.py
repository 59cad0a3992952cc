"""The tables that automations write: found, sorted, exported so that no spreadsheet runs anything."""

from __future__ import annotations

import csv
import io

import pytest

from console.verbs import browsing
from console.verbs.at_hand import NotThere
from tests.console.web.served import Served, Visitor

Filled = tuple[Served, dict[str, object]]


@pytest.mark.parametrize(
    "text", ['=HYPERLINK("http://evil")', "+1+1", "-2+3", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1+1", "=cmd|' /C calc'!A0"]
)
def test_a_cell_that_would_be_a_formula_is_text(text: str) -> None:
    assert browsing.cell(text) == "'" + text


@pytest.mark.parametrize(
    ("value", "cell"), [(None, ""), (-5, "-5"), (1.5, "1.5"), ("plain", "plain"), ({"a": 1}, '{"a": 1}'), (True, "True")]
)
def test_other_cells_stay_as_they_are(value: object, cell: str) -> None:
    assert browsing.cell(value) == cell


def test_the_export_is_what_a_csv_reader_reads(filled: Filled) -> None:
    console, _ = filled
    visitor = Visitor(console.url)
    visitor.sign_in("vera")
    page = visitor.get("/data/rfis/export.csv?sort=id")
    rows = list(csv.DictReader(io.StringIO(page.text)))
    assert page.headers["content-disposition"] == 'attachment; filename="rfis.csv"'
    assert len(rows) == 25
    assert rows[0]["id"] == "598134000100"


def test_rows_are_found_by_words_and_columns_and_sorted(filled: Filled) -> None:
    console, _ = filled
    _, found = browsing.rows(console.here, "rfis", 50, 0, text="edge 17")
    assert [row["id"] for row in found] == ["598134000117"]
    _, found = browsing.rows(console.here, "rfis", 50, 0, column="connector", value="north", sort="-id")
    assert [row["id"] for row in found] == [f"5981340001{number:02d}" for number in (20, 15, 10, 5, 0)]


@pytest.mark.parametrize(
    "name", ["tieback_users", "tieback_api_tokens", "alembic_version", "sqlite_master", "nothing", "rfis; DROP TABLE rfis"]
)
def test_our_own_tables_are_not_data(filled: Filled, name: str) -> None:
    console, _ = filled
    with pytest.raises(NotThere):
        browsing.rows(console.here, name, 10, 0)


def test_a_sort_by_what_is_no_column_sorts_by_something(filled: Filled) -> None:
    console, _ = filled
    assert len(browsing.rows(console.here, "rfis", 50, 0, sort="id; DROP TABLE rfis")[1]) == 25
