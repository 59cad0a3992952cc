"""`make bench` knows every program in bench/, and each has its line on the page."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import bench.__main__ as every

ROOT = Path(__file__).parents[2]


def test_every_program_that_can_be_run_is_on_the_page() -> None:
    page = (ROOT / "bench/README.md").read_text("utf-8")
    assert len(every.programs()) >= 8
    assert [name for name in every.programs() if f"python -m bench.{name}" not in page] == []


def test_tiny_sizes_are_of_programs_that_are_there_and_options_that_they_have() -> None:
    for name, arguments in every.TINY.items():
        text = (ROOT / f"bench/{name}.py").read_text("utf-8")
        assert all(f'"{word}"' in text for word in arguments if word.startswith("--")), name


def test_a_program_that_was_run_stands_in_the_table_and_in_its_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert every.main(["matching", "--tiny"], tmp_path) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows if not row.startswith(" ")] == ["program", "matching"]
    kept = json.loads((tmp_path / "matching.json").read_text("utf-8"))
    assert (kept["state"], kept["arguments"]) == ("ran", every.TINY["matching"])
    assert any("an event against" in line for line in kept["said"])


def test_a_program_that_is_not_there_is_named_with_those_that_are(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        every.main(["nonsense"], tmp_path)
    assert "there is no program 'nonsense': take one or more of accept, backtest, " in capsys.readouterr().err


def test_the_sizes_that_take_long_are_asked_for_of_those_that_have_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def run(words: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(words[2:-2])
        return subprocess.CompletedProcess(words, 0, stdout="")

    monkeypatch.setattr(every, "left_out", lambda _: "")
    monkeypatch.setattr("bench.__main__.subprocess.run", run)
    monkeypatch.setattr("bench.__main__.machine.about", dict)
    every.main(["growth", "latency", "--most"], tmp_path)
    assert asked == [["bench.growth", "--most"], ["bench.latency"]]


def test_what_needs_a_server_that_is_not_installed_is_left_out_and_says_so() -> None:
    def nothing(*servers: str) -> str:
        return f"{servers[-1]} is not installed" if servers else ""

    assert every.left_out("latency", nothing) == "redis is not installed"
    assert every.left_out("matching", nothing) == ""
    assert set(every.NEEDS) <= set(every.programs())
