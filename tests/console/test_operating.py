"""Replays, schedules by hand, alerts and questions: as an operator meets them on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from console.cli import main
from console.verbs import importing
from console.verbs.at_hand import at_hand
from store import alerts
from store.session import writing
from workers import execute

RULE = """\
format: 1
id: one
stage: live
when: [{manual: {}}, {schedule: {at: "07:00"}}]
flow: {overlap: {policy: queue}}
do: [{id: ask, use: ask.approve, with: {question: Pay it?}}]
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A site whose only automation is in force, and asks. Event 1 says that it was activated."""
    folder = tmp_path / "site"
    (folder / "automations").mkdir(parents=True)
    (folder / "automations" / "one.yaml").write_text(RULE, "utf-8")
    monkeypatch.setenv("TIEBACK_SITE", str(folder))
    monkeypatch.setenv("TIEBACK_DATABASE_URL", f"sqlite:///{tmp_path / 'tieback.db'}")
    monkeypatch.chdir(tmp_path)
    said(capsys, "rules", "apply")
    return folder


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    capsys.readouterr()
    assert main(words) == code
    return capsys.readouterr().out


def rows(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    return json.loads(said(capsys, *words, "--json"))


def test_a_replay_is_dry_until_somebody_agrees(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "runs", "start", "one")
    out = said(capsys, "events", "replay", "2", "--rule", "one")
    assert out.startswith("1 event for one\nevent 2  update  fires (trigger manual)")
    assert len(rows(capsys, "runs", "list")) == 1
    # When nobody is there to agree, nothing happens
    assert main(["events", "replay", "2", "--rule", "one", "--live"]) == 2
    assert "nothing was replayed" in capsys.readouterr().err
    # And with --yes it is a new run, of a new event that names the old one
    assert "event 2: run 2 is due" in said(capsys, "events", "replay", "2", "--rule", "one", "--live", "--yes")
    newest = rows(capsys, "events", "list")[0]
    assert newest["reason"].startswith("a replay of event 2 by cli:")
    assert "event replayed" in said(capsys, "audit", "list")
    assert main(["events", "replay", str(newest["id"]), "--rule", "one"]) == 2


def test_a_replay_of_everything_is_refused(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "replay", "--rule", "one"]) == 2
    assert "no filter was given, and that would be all events" in capsys.readouterr().err
    assert main(["events", "replay", "2", "--rule", "one", "--since", "2h"]) == 2
    said(capsys, "runs", "start", "one")
    assert said(capsys, "events", "replay", "--rule", "one", "--since", "2h").startswith("1 event for one\n")
    assert said(capsys, "events", "replay", "--rule", "one", "--state", "failed").startswith("0 events for one\n")


def test_a_schedule_happens_now_beside_its_times(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (before,) = rows(capsys, "schedules", "list")
    assert "started run 1" in said(capsys, "schedules", "run", before["name"])
    (after,) = rows(capsys, "schedules", "list")
    assert after["next_at"] == before["next_at"]
    assert main(["schedules", "run", "nobody/schedule/UTC"]) == 2
    assert "schedule run by hand" in said(capsys, "audit", "list")


def test_an_open_alert_is_a_line_of_the_doctor_until_somebody_looks_after_it(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with at_hand() as here, writing(here.engine) as db:
        alerts.raise_(db, "silence", "one", "one: no run was ok since yesterday")
    main(["doctor", "--json"])
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert found["alert silence"]["state"] == "wrong"
    assert "tieback alerts ack 1" in found["alert silence"]["mend"]
    said(capsys, "alerts", "ack", "1", "--note", "on it")
    main(["doctor", "--json"])
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert found["alert silence"]["state"] == "warn"


def test_a_run_shows_its_keys_and_what_it_asked(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        said(capsys, "runs", "start", "one")
    with at_hand() as here, importing.desk(here) as desk:
        execute.run(desk, 1)
        execute.run(desk, 2)
    assert "question   Pay it? (approval 1): open" in said(capsys, "runs", "show", "1")
    assert "run 2 waits: waits for its turn: before it is run 1" in said(capsys, "rules", "explain", "one", "3")
    assert "run 1 waits: ask asks: Pay it?" in said(capsys, "rules", "explain", "one", "2")
    found = rows(capsys, "rules", "explain", "one", "2")
    assert {"name": "question", "text": "Pay it? (approval 1: tieback approvals approve 1)"} in found["facts"]
    assert main(["rules", "explain", "on", "2"]) == 2
    assert 'did you mean "one"' in capsys.readouterr().err.lower()
