"""`tieback alerts`: who is told, a test alert, and what doctor and the overview say of a destination that takes none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests

from config.settings import load
from console.verbs.at_hand import AtHand
from console.verbs.standing import verdict
from store import alerts, migrate, notices
from store.session import open_engine, writing
from tests.console.conftest import Pretend, Tieback

PLAN = "format: 1\nroutes:\n  - {to: http:erp, severity: page}\n  - {to: http:erp, kinds: [silence]}\n"


@pytest.fixture
def site(tmp_path: Path, procore: Pretend) -> Path:
    folder = tmp_path / "site"
    (folder / "destinations").mkdir(parents=True)
    (folder / "automations").mkdir()
    (folder / "destinations/erp.yaml").write_text(f"format: 1\nkind: http\nname: erp\nurl: {procore.url}/_sim/sink/alerts\n")
    (folder / "alerts.yaml").write_text(PLAN)
    return folder


def test_a_test_alert_arrives_and_says_which_alerts_would(tieback: Tieback, site: Path, procore: Pretend) -> None:
    assert tieback("rules", "apply").code == 0
    said = tieback("alerts", "test", "erp")
    assert said.code == 0, said.err
    first, *more = said.out.splitlines()
    assert first == "http:erp: 200"
    assert more == ["http:erp is told of silence, validation, hooks, workers, disk, queue, destination."]
    got = requests.get(f"{procore.url}/_sim/sink/alerts", timeout=5).json()[-1]
    assert got["body"]["title"] == "Tieback: destination began (ticket)"
    assert "this is a test by cli:" in got["body"]["text"]
    assert tieback("alerts", "list").err == "Nothing was noticed.\n"


def test_a_destination_that_no_route_names_says_so(tieback: Tieback, site: Path) -> None:
    (site / "alerts.yaml").write_text("format: 1\n")
    assert tieback("rules", "apply").code == 0
    assert tieback("alerts", "test", "erp").out.splitlines()[1] == (
        "http:erp is told of nothing yet: no route in alerts.yaml names it."
    )
    found = {one["name"]: one for one in tieback("doctor", "--json").json()}
    assert (found["alerting"]["state"], found["alerting"]["seen"]) == ("warn", "alerts are told to nobody")


def test_rules_check_says_what_is_wrong_with_the_plan(tieback: Tieback, site: Path) -> None:
    (site / "alerts.yaml").write_text("format: 1\nroutes:\n  - {to: http:epr}\n")
    said = tieback("rules", "check", "--format", "json")
    assert said.code == 1
    (problem,) = json.loads(said.out)
    assert (problem["file"], problem["line"], problem["column"], problem["code"]) == ("alerts.yaml", 3, 10, "TB504")
    assert problem["suggestion"] == "http:erp"
    # The same when the file is named
    assert tieback("rules", "check", str(site / "alerts.yaml")).code == 1
    (site / "alerts.yaml").write_text(PLAN)
    assert tieback("rules", "check").code == 0


def test_doctor_and_overview_say_which_destination_takes_no_alerts(tieback: Tieback, site: Path, tmp_path: Path) -> None:
    assert tieback("rules", "apply").code == 0
    settings = load({"TIEBACK_SITE": str(site)}, tmp_path)
    engine = open_engine(settings)
    migrate.upgrade(engine)
    with writing(engine) as db:
        alerts.raise_(db, "disk", "var", "3 MiB are free where var is", severity="page")
        notices.keep(db, 1, "http:erp", "begin", 0)
        notices.failed(db, notices.take(db, "http:erp")[0].message, "http:erp: 500: it is in trouble")
    assert [one["told"] for one in tieback("alerts", "list", "--json").json()] == [["http:erp (waiting)"]]
    found = {one["name"]: one for one in tieback("doctor", "--json").json()}
    assert found["alerting"]["seen"] == "http:erp does not take alerts, 1 wait: http:erp: 500: it is in trouble"
    assert "tieback alerts test http:erp" in found["alerting"]["mend"]
    seen = [one["seen"] for one in verdict(AtHand(settings, engine, "cli:ana"))["reasons"]]
    assert "http:erp does not take alerts, 1 wait: http:erp: 500: it is in trouble" in seen
    engine.dispose()
