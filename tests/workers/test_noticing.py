"""What is noticed: each kind begins with its trouble and ends with it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, insert, update

from config.settings import Settings
from store import beats, causes, connectors, pauses, runs, timers
from store.deliveries import Arrival, keep
from store.models import Beat, Delivery, Hook, Run
from store.session import reading, writing
from store.types import now
from tests.store import samples
from tests.workers.rig import Rig
from workers import alerting, noticing
from workers.alert_file import Plan
from workers.noticing import Trouble


def seen(one: Rig, kind: str) -> list[Trouble]:
    with reading(one.engine) as db:
        one.desk.loaded.fresh(db)
        return list(noticing.SEEN[kind](db, one.desk, Plan()))


def failed(one: Rig, message: str, *, count: int = 1, state: str = "failed", rule: str = "keep-rfis") -> None:
    with writing(one.engine) as db:
        for _ in range(count):
            id = samples.run(db, samples.event(db, f"e{rule}{message}{_}"))
            error = {"kind": "http_403", "message": message}
            db.execute(
                update(Run)
                .where(Run.id == id)
                .values(state=state, error=error, finished_at=now(), run_after=None, automation=rule)
            )


def test_failures_are_one_trouble_for_each_cause(keeping: Rig) -> None:
    failed(keeping, "403 on /projects/12", count=3)
    failed(keeping, "403 on /projects/77")
    failed(keeping, "the table does not take this row", state="parked")
    several, single = seen(keeping, "failures")
    assert several.message == "4 runs of keep-rfis failed within the last hour: http_403: 403 on /projects/77"
    assert single.message.startswith("1 run of keep-rfis failed")


def test_a_cause_that_somebody_acknowledged_is_known_to_people(keeping: Rig) -> None:
    failed(keeping, "403 on /projects/12")
    (trouble,) = seen(keeping, "failures")
    with writing(keeping.engine) as db:
        causes.put(db, trouble.subject, "acknowledged", "", "ana")
    assert seen(keeping, "failures") == []


def test_many_causes_are_twenty_and_one_for_the_rest(keeping: Rig) -> None:
    for number in range(25):
        failed(keeping, "broken " + "x" * (number + 1))
    found = seen(keeping, "failures")
    assert len(found) == 21
    assert found[-1] == Trouble("other", "5 runs failed within the last hour for 5 other causes")


def test_an_old_failure_is_no_trouble_any_more(keeping: Rig) -> None:
    failed(keeping, "403")
    with writing(keeping.engine) as db:
        db.execute(update(Run).values(finished_at=now(-3700)))
    assert seen(keeping, "failures") == []


def test_the_runbook_of_the_rule_stands_with_its_failures(keeping: Rig) -> None:
    path = keeping.settings.site / "automations/keep.yaml"
    path.write_text(path.read_text() + "runbook: https://wiki.acme.example/rfis\n")
    assert keeping.load_site() == []
    failed(keeping, "403")
    assert seen(keeping, "failures")[0].runbook == "https://wiki.acme.example/rfis"


def test_few_calls_left_are_a_trouble(keeping: Rig) -> None:
    assert list(noticing.quota(keeping.desk)) == []

    def spend(state: Any, moment: float) -> tuple[Any, None]:
        return replace(state, hour=replace(state.hour, limit=100, used=98, until=moment + 1000)), None

    keeping.desk.loaded.quota.shared.change("acme", spend)
    (trouble,) = noticing.quota(keeping.desk)
    assert trouble.message == "acme: 2 of 100 calls of the hour are left"


def test_a_connector_that_does_not_validate_is_a_trouble(keeping: Rig) -> None:
    verdict = {"ok": False, "checks": [{"name": "credentials", "state": "wrong", "seen": "refused with 401", "mend": "x"}]}
    with writing(keeping.engine) as db:
        connectors.set_verdict(db, "acme", verdict)
    (trouble,) = seen(keeping, "validation")
    assert trouble.message == "acme does not validate: credentials: refused with 401"
    with writing(keeping.engine) as db:
        connectors.set_state(db, "acme", "attention", "the app was removed")
    assert seen(keeping, "validation")[0].message == "acme needs attention: the app was removed"


def test_hooks_that_are_amiss_are_counted_for_each_connector(keeping: Rig) -> None:
    with writing(keeping.engine) as db:
        for number, status in enumerate(("active", "disabled", "disabled", "missing")):
            values = {"key": f"k{number}", "connector": "acme", "company_id": "1", "project_id": str(number), "sealed": []}
            db.execute(insert(Hook).values(**values, status=status))
    (trouble,) = seen(keeping, "hooks")
    assert (trouble.subject, trouble.message) == ("acme", "acme: hooks are amiss: 2 disabled, 1 missing")


def test_a_role_without_a_sign_of_life_is_a_trouble(keeping: Rig) -> None:
    with writing(keeping.engine) as db:
        beats.beat(db, "relay:r", "relay")
        beats.beat(db, "worker:a", "worker")
        beats.beat(db, "worker:b", "worker")
    assert seen(keeping, "workers") == []
    with writing(keeping.engine) as db:
        db.execute(update(Beat).where(Beat.holder == "worker:a").values(beat_at=now(-500)))
    assert seen(keeping, "workers") == []  # the other one lives
    with writing(keeping.engine) as db:
        db.execute(update(Beat).where(Beat.holder == "worker:b").values(beat_at=now(-90)))
    (trouble,) = seen(keeping, "workers")
    assert trouble.message == "no worker has given a sign of life for 90 s"
    assert 89 <= trouble.lasted_s <= 95


def test_a_stopped_role_is_a_trouble_too(keeping: Rig) -> None:
    with writing(keeping.engine) as db:
        beats.beat(db, "worker:a", "worker")
    (trouble,) = seen(keeping, "workers")
    assert trouble.subject == "relay"


@pytest.mark.parametrize("free, severity", [(1 << 29, "ticket"), (1 << 20, "page")])
def test_a_disk_with_little_room_is_a_trouble(keeping: Rig, monkeypatch: pytest.MonkeyPatch, free: int, severity: str) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _path: SimpleNamespace(free=free))
    (trouble,) = seen(keeping, "disk")  # one disk holds all of it, and is named once
    assert trouble.severity == severity
    assert f"{free >> 20} MiB are free where " in trouble.message


def test_the_places_that_must_have_room_are_those_of_the_settings(settings: Settings, tmp_path: Path) -> None:
    found = noticing.places(settings)
    assert tmp_path / "var" in found
    assert settings.files_root in found
    assert any(path.name == "tieback.db" for path in found) == settings.database_url.startswith("sqlite")


def test_work_that_waits_is_a_trouble_of_its_lane_unless_somebody_holds_it(keeping: Rig) -> None:
    with writing(keeping.engine) as db:
        id = samples.run(db, samples.event(db, "late"))
        db.execute(update(Run).where(Run.id == id).values(state="waiting", run_after=now(-600), lane="webhook"))
    (trouble,) = seen(keeping, "queue")
    assert (trouble.subject, trouble.message) == (
        "webhook",
        "1 pieces of work of the lane webhook are due, the oldest for 10 min",
    )
    assert trouble.lasted_s >= 600
    with writing(keeping.engine) as db:
        pauses.put(db, "webhook", "quota", "ana", None)
    assert seen(keeping, "queue") == []


def test_deliveries_that_nobody_sorts_are_a_trouble(keeping: Rig) -> None:
    keep(keeping.engine, [Arrival("acme", "k", "d1", b"{}", "application/json")])
    with writing(keeping.engine) as db:
        db.execute(update(Delivery).values(received_at=now(-400)))
    assert seen(keeping, "queue")[0].message == "1 deliveries wait to be sorted, the oldest for 7 min"


def test_an_effect_in_doubt_is_a_trouble_once_its_run_waits_for_a_person(keeping: Rig) -> None:
    with writing(keeping.engine) as db:
        id = samples.run(db, samples.event(db, "doubt"))
        values = {"effect_key": "k", "run_id": id, "step": "s", "fence": 1, "policy": "at_most_once", "target": "slack:ops",
                  "summary": "x", "request_hash": "h"}  # fmt: skip
        runs.intend(db, values)
        runs.settle(db, "k", "uncertain", {})
        db.execute(update(Run).where(Run.id == id).values(state="running"))
    assert seen(keeping, "effects") == []
    with writing(keeping.engine) as db:
        db.execute(update(Run).where(Run.id == id).values(state="parked"))
    assert "1 effects are in doubt" in seen(keeping, "effects")[0].message


def test_a_file_that_does_not_load_is_a_trouble(keeping: Rig) -> None:
    (keeping.settings.site / "automations/keep.yaml").write_text("id: [")
    keeping.load_site()
    (trouble,) = seen(keeping, "site")
    assert trouble.subject == "keep-rfis"


def test_the_whole_look_keeps_what_it_sees(keeping: Rig, engine: Engine) -> None:
    failed(keeping, "403 on /projects/12")
    with writing(engine) as db:
        keeping.desk.loaded.fresh(db)
        moment = timers.clock(db)
    alerting.look(keeping.desk, "site")
    (alert,) = [row for row in keeping.rows("SELECT kind, state, severity FROM tieback_alerts") if row["state"] == "open"]
    assert alert == {"kind": "failures", "state": "open", "severity": "ticket"}
    assert moment.tzinfo == dt.UTC
