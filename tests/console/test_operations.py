"""Many runs at once on the command line: counted, asked for, followed, paused and taken back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import update

from console.cli import main
from console.verbs import importing
from console.verbs.at_hand import at_hand
from store.models import Run
from store.session import writing
from tests.console.test_operating import rows, said
from tests.console.test_operating import site as site
from workers import operations

pytestmark = pytest.mark.usefixtures("site")


@pytest.fixture
def failed(site: Any, capsys: pytest.CaptureFixture[str]) -> list[int]:
    """Three runs that have failed."""
    for _ in range(3):
        said(capsys, "runs", "start", "one")
    with at_hand() as here, writing(here.engine) as db:
        db.execute(update(Run).values(state="failed", error={"kind": "http_429", "message": "429"}))
    return [1, 2, 3]


def work(id: int) -> None:
    with at_hand() as here, importing.desk(here) as desk:
        operations.run(desk, id)


def states(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [row["state"] for row in reversed(rows(capsys, "runs", "list"))]


def test_a_filter_is_counted_asked_for_and_becomes_an_operation(failed: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    words = ("runs", "retry", "--where", "automation=one", "--where", "state=failed")
    assert said(capsys, *words, "--count") == "3 runs\n"
    assert rows(capsys, *words, "--count") == {"count": 3}
    # Nobody is there to agree
    assert main(words) == 2
    assert "it would be 3 runs. Somebody must agree at a terminal, or say --yes." in capsys.readouterr().err
    out = said(capsys, *words, "--yes", "--reason", "it is back")
    assert out == "operation 1: retry of 3 runs. Look: tieback operations show 1\n"
    work(1)
    assert states(capsys) == ["waiting"] * 3
    out = said(capsys, "operations", "show", "1")
    assert "3 of 3 done" in out
    assert "it is back" in out
    (row,) = rows(capsys, "operations", "list")
    assert (row["id"], row["kind"], row["total"], row["done"]) == (1, "retry", 3, 3)


def test_no_filter_is_refused_and_all_must_be_said(failed: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "retry", "--yes"]) == 2
    assert "no filter was given, and that would be all runs" in capsys.readouterr().err
    assert main(["runs", "retry", "--where", "automation", "--yes"]) == 2
    assert '"automation" is no condition. Write NAME=VALUE' in capsys.readouterr().err
    assert main(["runs", "retry", "--where", "automaton=one", "--yes"]) == 2
    assert 'did you mean "automation"' in capsys.readouterr().err.lower()
    assert said(capsys, "runs", "retry", "--all", "--count") == "3 runs\n"


def test_chosen_ones_are_one_operation_and_a_single_one_is_due_at_once(
    failed: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, "runs", "retry", "2", "3", "--yes").startswith("operation 1: retry of 2 runs.")
    assert said(capsys, "runs", "retry", "1") == "run 1: due again\n"
    assert states(capsys) == ["waiting", "failed", "failed"]
    assert json.loads(said(capsys, "runs", "cancel", "1", "--json")) == {"run": 1, "became": "cancelled"}


def test_it_waits_for_its_window_and_is_paused_resumed_and_withdrawn(
    failed: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "runs", "retry", "--failed-since", "1h", "--all", "--yes", "--undo-window", "10m", code=2)
    with at_hand() as here, writing(here.engine) as db:
        db.execute(update(Run).values(finished_at=Run.created_at))
    said(capsys, "runs", "retry", "--failed-since", "1h", "--yes", "--undo-window", "10m")
    assert said(capsys, "operations", "pause", "1", "--reason", "lunch") == "operation 1: paused\n"
    assert said(capsys, "operations", "resume", "1") == "operation 1: goes on\n"
    assert said(capsys, "operations", "cancel", "1") == "operation 1: cancelled\n"
    assert main(["operations", "cancel", "1"]) == 2
    assert "operation 1 (retry) is cancelled: cancel does not fit." in capsys.readouterr().err
    assert main(["operations", "show", "9"]) == 2
    assert said(capsys, "operations", "show", "1", "--wait", code=1).startswith("operation 1, retry: cancelled\n")
    work(1)
    assert states(capsys) == ["failed"] * 3


def test_what_was_made_due_is_taken_back(failed: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "runs", "retry", "--where", "state=failed", "--yes")
    work(1)
    assert said(capsys, "operations", "take-back", "1").startswith("operation 1: is being taken back.")
    work(1)
    assert states(capsys) == ["failed"] * 3
    assert rows(capsys, "operations", "list", "--state", "cancelled")[0]["taken_back"] == 3


def test_many_events_are_replayed_as_an_operation(failed: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    words = ("events", "replay", "--rule", "one", "--state", "failed", "--live")
    assert said(capsys, *words, "--count") == "3 events\n"
    assert said(capsys, *words, "--yes", "--canary", "1").startswith("operation 1: replay of 3 events.")
    work(1)
    assert states(capsys) == ["failed"] * 3 + ["waiting"]


def test_many_waiting_runs_are_cancelled_and_a_canary_is_refused(failed: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "runs", "retry", "--all", "--yes")
    work(1)
    assert main(["runs", "cancel", "--where", "automation=one", "--canary", "2", "--yes"]) == 2
    assert "a cancel has no canary" in capsys.readouterr().err
    said(capsys, "runs", "cancel", "--where", "automation=one", "--yes", "--reason", "not needed")
    work(2)
    assert states(capsys) == ["cancelled"] * 3
