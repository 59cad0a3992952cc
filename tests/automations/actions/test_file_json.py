"""file.json: arrays, lines and documents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from config.problems import Problems
from tests.automations.actions.filing import RUBBISH, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, [{"n": 1, "t": "ü"}, {"n": 2, "t": None}])


def test_an_array_of_rows(desk: Desk) -> None:
    assert desk.output("file.json", "path: a.json, table: things, order: n")["rows"] == 2
    assert desk.bytes_of("a.json").decode() == '[\n{"n": 1, "t": "ü"},\n{"n": 2, "t": null}\n]\n'
    desk.output("file.json", "path: a.json, rows: []", key="e2")
    assert json.loads(desk.bytes_of("a.json")) == []


def test_lines_are_added_once(desk: Desk) -> None:
    add = "path: a.jsonl, rows: [{n: 7}], lines: true, mode: append"
    desk.output("file.json", add, key="e1")
    desk.crash("file.json", add, key="e2")
    desk.output("file.json", add, key="e2")
    assert [json.loads(line) for line in desk.bytes_of("a.jsonl").splitlines()] == [{"n": 7}, {"n": 7}]


def test_one_value_is_the_document(desk: Desk) -> None:
    assert desk.output("file.json", 'path: a.json, value: {id: "${record.id}", all: "${record.custom_fields}"}')["rows"] == 1
    assert json.loads(desk.bytes_of("a.json"))["id"] == "22564874"
    desk.output("file.json", "path: b.json, value: null")
    assert json.loads(desk.bytes_of("b.json")) is None


def test_headings_are_the_keys(desk: Desk) -> None:
    desk.output("file.json", "path: a.json, table: things, columns: {n: No}, where: {n: 1}")
    assert json.loads(desk.bytes_of("a.json")) == [{"No": 1}]


def test_rubbish_is_json_all_the_same(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [RUBBISH])
    desk.output("file.json", "path: a.json, table: things")
    (found,) = json.loads(desk.bytes_of("a.json"))
    assert (found["nan"], found["inf"], found["half"], found["bytes"]) == (None, None, "a\ufffdb", "AP8=")
    assert (found["huge"], found["nested"], found["large"]) == (10**400, {"a": [1, {"b": None}]}, 2**53 + 1)


@pytest.mark.parametrize(
    "parameters",
    ["path: a.json", "path: a.json, value: 1, rows: []", "path: a.json, rows: [], mode: append",
     "path: a.json, value: 1, where: {a: 1}, table: t"],
)  # fmt: skip
def test_what_cannot_be_written_is_refused_at_load(parameters: str, desk: Desk) -> None:
    with pytest.raises(Problems) as raised:
        desk.run("file.json", parameters)
    assert {p.code for p in raised.value.found} == {"TB133"}
