"""What Procore could not deliver is brought in from its own log, once, on the path of any other delivery."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from sqlalchemy import Engine

from config.settings import Settings
from config.settings import load as settings_of
from simulator.app import serve
from store import hooks, repairs, timers
from store.session import reading, writing
from tests.workers.conftest import KEEP, changed, fault
from tests.workers.rig import Rig, rig
from workers import repair
from workers.hooks import Hooks

NOWHERE = "http://127.0.0.1:9"


def wait_until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.02)


def deliveries_there(far: Any, status: str) -> int:
    return sum(one["status"] == status for one in requests.get(f"{far.url}/_sim/deliveries", timeout=10).json())


@pytest.fixture(params=["v2.0", "v1.0"])
def api(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def hasty() -> Iterator[Any]:
    """A pretend Procore that gives a queue up after a quarter of a second."""
    with serve(seed=7, spike=590, hourly=1_000_000, time_scale=200_000) as running:
        yield running


@pytest.fixture
def site(engine: Engine, settings: Settings, hasty: Any, api: str) -> Iterator[Rig]:
    """Hooks in place, and nobody behind the address that Procore calls."""
    public = settings_of({**settings.env, "TIEBACK_PUBLIC_URL": NOWHERE}, settings.site.parent)
    with rig(engine, public, hasty, keep=KEEP) as one:
        path = one.settings.site / "connectors/acme.yaml"
        path.write_text(path.read_text() + f"webhooks: {{api: {api}, payload_version: {'v2.0' if api == 'v1.0' else 'v4.0'}}}\n")
        one.load_site()
        with reading(engine) as db:
            one.desk.loaded.fresh(db)
        mine = Hooks(engine, one.box, one.settings, one.desk.loaded, "acme")
        assert all(done.error is None for done in mine.apply(mine.plan().changes, "test"))
        yield one


def test_what_procore_discarded_is_brought_in_once_and_takes_the_path_of_any_delivery(site: Rig, hasty: Any) -> None:
    # Given changes that Procore could not deliver and has given up
    ids = {changed(hasty, subject=f"edit {number}") for number in range(3)}
    wait_until(lambda: deliveries_there(hasty, "discarded") == 3, "the end of Procore's patience")
    # When the log is asked, twice
    first, second = repair.look(site.desk, "acme"), repair.look(site.desk, "acme")
    # Then each was found once, and its automation ran once
    assert (first.found, first.repaired, first.unrepairable) == (3, 3, 0)
    assert (second.found, second.repaired) == (0, 0)
    site.work()
    site.settle()
    assert [run["state"] for run in site.runs()] == ["ok"] * 3
    assert {row["id"] for row in site.rows("SELECT id FROM rfis")} == ids
    assert {row["source"] for row in site.rows("SELECT source FROM tieback_events WHERE resource_name = 'RFIs'")} == {"webhook"}
    said = {row["reason"] for row in site.rows("SELECT reason FROM tieback_deliveries WHERE hook_key <> 'config'")}
    assert said == {"from Procore's log, which says discarded"}


def test_a_hook_that_has_delivered_nothing_yet_is_nothing_missed(site: Rig) -> None:
    report = repair.look(site.desk, "acme")
    assert (report.found, report.unrepairable, report.items) == (0, 0, [])


def test_a_delivery_that_came_by_itself_is_not_brought_in_again(site: Rig, hasty: Any) -> None:
    changed(hasty, subject="edit")
    wait_until(lambda: deliveries_there(hasty, "discarded") == 1, "the end of Procore's patience")
    (there,) = requests.get(f"{hasty.url}/_sim/deliveries", timeout=10).json()
    site.deliver(there["payload"], key=str(there["payload"].get("ulid") or there["payload"]["id"]))
    assert repair.look(site.desk, "acme").found == 0


def test_the_timer_comes_back_after_five_minutes_when_something_was_found_and_else_after_fifteen(site: Rig, hasty: Any) -> None:
    for count, expected in ((0, 900), (1, 300)):
        for _ in range(count):
            changed(hasty, subject="edit")
            wait_until(lambda: deliveries_there(hasty, "discarded") == 1, "the end of Procore's patience")
        with writing(site.engine) as db:
            timers.arm(db, "repair", "acme", in_s=-1, every_s=900)
        (timer,) = site.rows("SELECT id FROM tieback_timers WHERE kind = 'repair'")
        site.bell.ring("timer", [timer["id"]])
        site.work()
        with reading(site.engine) as db:
            assert -timers.late_s(db, "repair", "acme") == pytest.approx(expected, abs=20)


def test_at_start_only_lost_deliveries_are_asked_for(site: Rig) -> None:
    repair.at_start(site.engine)
    with reading(site.engine) as db:
        late = {kind: timers.late_s(db, kind, "acme") for kind in ("repair", "sweep", "ids")}
    assert late["repair"] > -5
    assert late["sweep"] < -800
    assert late["ids"] < -80_000


def test_one_hook_that_cannot_be_asked_is_named_and_the_others_are_asked(site: Rig, hasty: Any) -> None:
    changed(hasty, subject="edit")
    wait_until(lambda: deliveries_there(hasty, "discarded") == 1, "the end of Procore's patience")
    other = str(hasty.world.projects(hasty.company_id)[1].id)
    fault(hasty, "project_removed", project_id=int(other))
    report = repair.look(site.desk, "acme")
    assert (report.repaired, report.unrepairable) == (1, 1)
    (left,) = [item for item in report.items if item["outcome"] == "unrepairable"]
    assert left["what"] == f"hook of project {other}"
    assert "403" in left["reason"]


def test_a_look_that_breaks_keeps_its_report_with_the_reason(site: Rig, hasty: Any) -> None:
    fault(hasty, "app_uninstalled")
    with pytest.raises(Exception, match=r"not (connected|installed)"):
        repair.look(site.desk, "acme")
    with reading(site.engine) as db:
        (row,) = repairs.listed(db, limit=5)
        assert hooks.of_connector(db, "acme")
    assert row.finished_at is not None
    assert "403" in row.reason
