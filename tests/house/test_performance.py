"""`docs/performance.md` is made from what the programs of bench/ left behind, and tells of each of the twelve numbers."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import bench.__main__ as every
from bench import machine, page
from bench.rows import ROWS, Row

ROOT = Path(__file__).parents[2]
SPREAD = {"rates": [90.0, 100.0]}
FIGURES: dict[str, Any] = {
    "accept": {
        "contestants": [
            {"name": "no-op view, Granian", "rate": 1000, "ratio": 1.0, "p99_ms": 2.0},
            {"name": "door on PostgreSQL", "rate": 900, "ratio": 0.9, "p99_ms": 9.0},
            {"name": "door on PostgreSQL, 2 processes", "rate": 1500, "ratio": 1.5, "p99_ms": 8.0},
            {"name": "door, fsync 2 ms slower", "rate": 600, "ratio": 0.6, "p99_ms": 15.0},
            {"name": "Node-RED, keeps nothing", "rate": 300, "ratio": 0.3, "p99_ms": 20.0},
        ]
    },
    "backtest": {"events": 500, "seconds": 0.1, "calls": 0},
    "burst": {
        "burst": {"events": 40, "seconds": 3.0, "calls_by_project": {"1": 3, "2": 3}, "calls_at_most": 3},
        "storms": [{"resource": "Company Users", "events": 20, "records": 5, "calls": 5}], "refused_429": 0,
    },
    "console": {"runs": 2000, "lists": {"runs, the newest 50": {"median_ms": 20.0}, "the overview": {"median_ms": 90.0}}},
    "demo": {"seconds": 40.0},
    "event_row": {"workers": {n: {
        "Tieback": {"rate": 100.0, "tieback_ratio": 1.0, **SPREAD},
        "raw Dramatiq": {"rate": 200.0, "tieback_ratio": 0.5, **SPREAD},
        "Node-RED, keeps nothing": {"rate": 80.0, "tieback_ratio": 1.25, **SPREAD},
    } for n in ("1", "2")}},
    "growth": {"sizes": {"500": {
        "door": {"rate": 400, "p99_ms": 9.0}, "path_per_s": 20.0, "lists": {"the overview": {"median_ms": 80.0}},
        "purge": {"per_s": 300}, "tables": {"tieback_events": {"table": 1000, "indexes": 500}}, "bytes_per_event": 15000,
    }}},
    "import_peers": {"records": 500, "ratio": 4.0, "contestants": {"Tieback": [{"peak_mb": 100.0, "seconds": 2.0}]}},
    "latency": {
        "idle": {"p95_s": 0.3, "lost": 0, "seconds": [0.1, 0.3]},
        "during an import": {"p95_s": 0.9, "lost": 0, "seconds": [0.2, 0.9]},
    },
    "matching": {"ratio": 1.1, "ten_us": 10.0, "many_us": 11.0},
    "memory": {"minutes": 0.1, "rate": 2.0, "runs": 9, "help_s": 0.3, "processes": {"web": {
        "ready_s": 1.0, "idle_mb": 90.0, "load_mb": 99.0, "idle_fds": 9, "load_fds": 12, "verdict": "flat",
        "samples": [[0.0, 90.0, 9], [2.0, 99.0, 12]],
    }}},
}  # fmt: skip


def made(folder: Path, figures: dict[str, Any]) -> str:
    """The page of these figures, from files as `make bench` leaves them."""
    results = folder / "results"
    results.mkdir(exist_ok=True)
    for name, found in figures.items():
        one = {"machine": machine.about(), "name": name, "arguments": [], "seconds": 1.0, "figures": found}
        (results / f"{name}.json").write_text(json.dumps(one))
    target = folder / "performance.md"
    target.write_text(f"Written by hand.\n\n{page.BEGIN}\nold\n{page.END}\n\nWhy it was missed.\n")
    assert page.main(["--from", str(results), "--page", str(target)]) == 0
    return target.read_text("utf-8")


def lines_of(text: str, row: Row) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(f"| {row.name} |")]


def test_the_page_tells_of_each_of_the_twelve_and_what_a_person_wrote_stays(tmp_path: Path) -> None:
    text = made(tmp_path, FIGURES)
    assert len(ROWS) == 12
    assert [len(lines_of(text, row)) for row in ROWS] == [1] * 12
    assert [row.name for row in ROWS if not lines_of(text, row)[0].endswith("| met |")] == []
    assert text.startswith("Written by hand.")
    assert text.endswith("Why it was missed.\n")
    assert "\nold\n" not in text


def test_what_is_behind_its_target_is_missed_and_what_was_not_measured_is_neither(tmp_path: Path) -> None:
    figures = copy.deepcopy(FIGURES)
    figures["latency"]["idle"]["p95_s"] = 1.5
    figures["accept"]["contestants"].pop()  # no Node-RED here
    del figures["matching"]
    text = made(tmp_path, figures)
    ends = {row.program + str(number): lines_of(text, row)[0] for number, row in enumerate(ROWS)}
    assert [name for name, line in ends.items() if "**missed**" in line] == ["latency3"]
    assert "left out: `python -m bench.accept` says why" in ends["accept1"]
    assert "not measured: `python -m bench.matching`" in ends["matching7"]


def test_n8n_is_told_of_where_it_was_measured_and_counts_then(tmp_path: Path) -> None:
    told = {}
    for ratio in (None, 49.0, 50.0):
        figures = {"event_row": copy.deepcopy(FIGURES["event_row"])}
        for one in figures["event_row"]["workers"].values():
            one |= {"n8n": {"rate": 2.0, "tieback_ratio": ratio, **SPREAD}} if ratio else {}
        text = made(tmp_path, figures)
        told[ratio] = next(line for row in ROWS if row.program == "event_row" for line in lines_of(text, row))
        assert ("| n8n |" in text) == (ratio is not None)
    assert told[None].endswith("0.50 × raw Dramatiq; n8n not measured | met |")
    assert told[49.0].endswith("0.50 × raw Dramatiq, 49.00 × n8n | **missed** |")
    assert told[50.0].endswith("0.50 × raw Dramatiq, 50.00 × n8n | met |")


def test_the_drawings_are_there_and_are_drawings(tmp_path: Path) -> None:
    text = made(tmp_path, FIGURES)
    images = sorted((tmp_path / "images").glob("*.svg"))
    assert [image.name for image in images] == [
        "bench-accept.svg",
        "bench-event-row.svg",
        "bench-latency.svg",
        "bench-memory.svg",
    ]
    for image in images:
        assert f"(images/{image.name})" in text
        assert ElementTree.fromstring(image.read_text("utf-8")).tag.endswith("svg")


def test_a_page_without_the_marks_is_left_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "performance.md"
    target.write_text("No marks.\n")
    assert page.main(["--from", str(tmp_path), "--page", str(target)]) == 2
    assert "lacks the marks" in capsys.readouterr().err
    assert target.read_text("utf-8") == "No marks.\n"


def test_each_row_is_measured_by_a_program_that_writes_its_figures() -> None:
    assert {row.program for row in ROWS} <= set(every.programs())
    assert [row.program for row in ROWS if '"--json"' not in (ROOT / f"bench/{row.program}.py").read_text("utf-8")] == []


def test_the_page_in_docs_has_each_row() -> None:
    text = (ROOT / "docs/performance.md").read_text("utf-8")
    assert [row.name for row in ROWS if len(lines_of(text, row)) != 1] == []
