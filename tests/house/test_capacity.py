"""`bench.capacity` calculates what docs/scaling.md says, and takes what was measured or given in place of what it assumes."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from bench import capacity
from tests.house.test_performance import FIGURES

WRITES = {"event": {"transactions": 7.5, "inserted": 8, "updated": 4, "deleted": 1, "wal_bytes": 9000}}


def results(folder: Path) -> Path:
    """What the programs left, as `make bench` leaves it."""
    figures: dict[str, Any] = {**copy.deepcopy(FIGURES), "writes": WRITES}
    figures["event_row"]["workers"]["1"]["Tieback"]["rate"] = 100.0
    for name in ("growth", "accept", "event_row", "writes"):
        (folder / f"{name}.json").write_text(json.dumps({"machine": {}, "figures": figures[name]}))
    return folder


def test_the_page_says_what_the_program_calculates() -> None:
    assert capacity.block() in capacity.PAGE.read_text("utf-8")


def test_the_sums_are_those_that_a_person_makes_by_hand() -> None:
    # Given 10 contractors with 20 projects of 360 events in 8 hours, the busiest hour with twice its share
    given = {"contractors": 10, "projects": 20, "events": 360, "hours": 8, "peak": 2, "calls": 1.5, "quota": 1000, "reserve": 0.1}
    given |= {"days": 10, "known": 110, "bytes": 10_000, "key_bytes": 500, "transactions": 8, "rows": 12, "wal_bytes": 1_000_000}
    values, _ = capacity.inputs({**given, "worker_rate": 0.1, "door_rate": 0.5, "use": 0.5}, None)
    said = capacity.needs(values)
    # 7,200 a day, 900 an hour, 1,800 in the busiest: 0.5 a second
    assert said["events"] == "7,200 in a day, 0.1 per s on average, 0.5 per s in the busiest hour"
    # 1,800 events of 10 contractors at 1.5 calls each: 270 of 900
    assert said["calls of a connector in that hour"] == "270 of the 900 that webhooks may use: 30%"
    assert said["events of a contractor until its quota is full"].startswith("2,400 in a day")
    assert (said["door"], said["workers"]) == ("2 processes", "10 processes of 8 threads")
    assert said["connections of the workers"].startswith("140,")
    busy = said["PostgreSQL in the busiest hour"]
    assert busy == "4 transactions that write, 6 rows, 0.5 MB of log per second"
    # 7,200 × (10 days × 10,000 + 100 days × 500 bytes)
    assert said["PostgreSQL's disk"].startswith("1.1 GB")


def test_what_was_measured_takes_the_place_of_what_is_assumed_and_says_so(tmp_path: Path) -> None:
    values, origins = capacity.inputs({}, results(tmp_path))
    found = {name: (values[name], origins[name]) for name in values if origins[name].startswith("bench.")}
    assert found == {
        "bytes": (15_000, "bench.growth"), "transactions": (7.5, "bench.writes"), "rows": (13, "bench.writes"),
        "wal_bytes": (9000, "bench.writes"), "worker_rate": (100, "bench.event_row"), "door_rate": (900, "bench.accept"),
    }  # fmt: skip


def test_what_is_given_takes_the_place_of_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert capacity.main(["--events", "40", "--wal-bytes", "5000"], results(tmp_path)) == 0
    said = capsys.readouterr().out
    assert "| 40 | given |" in said
    assert "| bytes of PostgreSQL's log for an event | 5,000 | given |" in said
    assert "400,000 in a day" in said


def test_a_program_that_left_no_figures_is_not_taken_for_one_that_measured_nothing(tmp_path: Path) -> None:
    (tmp_path / "growth.json").write_text(json.dumps({"machine": {}, "state": "exit 1", "figures": None}))
    assert capacity.inputs({}, tmp_path)[1]["bytes"] == "default; bench.growth measures it"


@pytest.mark.parametrize("value", ["0", "-3", "inf", "nan", "many"])
def test_a_number_that_is_none_is_refused(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        capacity.main([f"--events={value}"])
    assert value in capsys.readouterr().err
