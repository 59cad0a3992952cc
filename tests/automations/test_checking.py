"""Checking a folder: every file, every problem, three ways to print them."""

from __future__ import annotations

import json
from pathlib import Path

from automations import checking
from tests.automations.given import KNOWN
from tests.automations.mistakes import RIGHT


def folder(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def test_a_broken_file_never_hides_another(tmp_path: Path) -> None:
    site = folder(
        tmp_path,
        a=RIGHT.replace("stauts", "x"),
        b="{",
        c=RIGHT.replace("rfi-watch", "c").replace("record.status", "record.stauts"),
    )
    (site / "d.yml").write_bytes(b"\xff\xfe")
    checked = checking.check([site], KNOWN, folder=site)
    assert [a.id for a in checked.automations] == ["rfi-watch"]
    assert [(p.file, p.code) for p in checked.problems] == [("b.yaml", "TB101"), ("c.yaml", "TB204"), ("d.yml", "TB116")]
    assert not checked.ok


def test_two_files_of_one_id_are_refused_at_the_second(tmp_path: Path) -> None:
    site = folder(tmp_path, a=RIGHT, b=RIGHT)
    checked = checking.check([site], KNOWN, folder=site)
    assert [a.file for a in checked.automations] == ["a.yaml"]
    assert [(p.file, p.line, p.column, p.code) for p in checked.problems] == [("b.yaml", 2, 5, "TB110")]


def test_the_text_shows_the_line_with_a_caret(tmp_path: Path) -> None:
    site = folder(tmp_path, a=RIGHT.replace("record.status", "record.stauts"))
    lines = checking.as_text(checking.check([site], KNOWN, folder=site)).splitlines()
    assert lines == [
        'a.yaml:9:12 error TB204: RFIs has no field "stauts"; did you mean "status"?',
        '      - record.stauts == "open"',
        "               ^",
        "0 automations fine, 1 error, 0 warnings",
    ]


def test_the_json_is_an_array_of_problems(tmp_path: Path) -> None:
    site = folder(tmp_path, a=RIGHT.replace("record.status", "record.stauts"))
    found = json.loads(checking.as_json(checking.check([site], KNOWN, folder=site)))
    assert [set(p) for p in found] == [{"file", "line", "column", "code", "severity", "message", "suggestion"}]
    assert found[0]["suggestion"] == "status"


def test_the_form_for_github_is_one_command_a_line(tmp_path: Path) -> None:
    site = folder(tmp_path, a=RIGHT.replace("record.status", "record.stauts"))
    text = checking.as_github(checking.check([site], KNOWN, folder=site))
    assert text == '::error file=a.yaml,line=9,col=12,title=TB204::RFIs has no field "stauts"; did you mean "status"?'


def test_a_single_file_can_be_checked(tmp_path: Path) -> None:
    site = folder(tmp_path, a=RIGHT)
    assert checking.check([site / "a.yaml"], KNOWN).ok


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    checked = checking.check([tmp_path / "none.yaml"], KNOWN)
    assert [p.code for p in checked.problems] == ["TB116"]
