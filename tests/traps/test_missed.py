"""Traps 4, 7, 13, 14, 29 and 31: what never arrives, and projects, tools and hooks that are suddenly not there."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import requests
from sqlalchemy import Engine

from config.settings import Settings
from connectors.hook_api import hook_api
from simulator.app import Running
from store.session import reading
from tests.connectors.conftest import connector_to, procore_of
from tests.console.conftest import wait_until
from tests.traps.conftest import KEEP
from tests.workers.rig import Rig, payload, rig
from tests.workers.served import served
from workers import comparing, repair, sweeps
from workers.hooks import Hooks, keep_in_order
from workers.projects import troubles


def known(desk: Rig, sim: Running, change: Any) -> str:
    """An RFI that a webhook has told of."""
    id: str = change(subject="told")
    desk.deliver(payload(sim, id))
    desk.settle()
    return id


@pytest.fixture
def hooked(engine: Engine, settings: Settings, sim: Running) -> Any:
    with rig(engine, dataclasses.replace(settings, public_url="https://tieback.example"), sim, keep=KEEP) as one:
        with reading(engine) as db:
            one.desk.loaded.fresh(db)
        keep_in_order(one.desk, "acme")
        yield one


def test_trap_04_an_event_that_never_arrives_is_found_by_the_sweep_and_a_deletion_by_its_id(
    desk: Rig, sim: Running, change: Any
) -> None:
    id = known(desk, sim, change)
    change(id=id, subject="never told")
    assert sweeps.sweep(desk.desk, "acme").repaired == 1
    desk.settle()
    assert [row["subject"] for row in desk.rows("SELECT subject FROM rfis")] == ["never told"]
    change("delete", id)
    assert comparing.compare(desk.desk, "acme").repaired == 1
    desk.settle()
    assert [row["id"] for row in desk.rows("SELECT id FROM rfis WHERE deleted_at IS NOT NULL")] == [id]


@pytest.mark.parametrize("api", ["v2.0", "v1.0"])
def test_trap_07_a_hook_that_has_delivered_nothing_answers_404_and_has_missed_nothing(sim: Running, api: str) -> None:
    connector = connector_to(sim)
    webhooks = dataclasses.replace(connector.webhooks, api=api, payload_version="v2.0")
    calls = hook_api(procore_of(dataclasses.replace(connector, webhooks=webhooks)))
    project = str(sim.project_id)
    hook_id = calls.create(project, "tieback-acme", "https://t.example/a", "v2.0", "s" * 40)
    assert list(calls.missed(project, hook_id, None)) == []


def test_trap_13_projects_that_vanish_at_once_delete_nothing_and_are_told_as_what_they_are(
    hooked: Rig, sim: Running, change: Any
) -> None:
    known(hooked, sim, change)
    requests.post(f"{sim.url}/_sim/faults", json={"name": "project_removed"}, timeout=10).raise_for_status()
    keep_in_order(hooked.desk, "acme")
    for look in (sweeps.sweep, comparing.compare):
        assert look(hooked.desk, "acme").repaired == 0  # type: ignore[operator]
    assert hooked.rows("SELECT id FROM rfis WHERE deleted_at IS NOT NULL") == []
    with reading(hooked.engine) as db:
        (sentence,) = troubles(db, "acme")
    assert "its permitted projects must be chosen again" in sentence


@pytest.mark.parametrize("status", [403, 404])
def test_trap_14_a_tool_that_is_off_deletes_nothing_whichever_way_it_shows(
    desk: Rig, sim: Running, change: Any, status: int
) -> None:
    known(desk, sim, change)
    fault = {"name": "tool_disabled", "resource": "RFIs", "status": status}
    requests.post(f"{sim.url}/_sim/faults", json=fault, timeout=10).raise_for_status()
    report = comparing.compare(desk.desk, "acme")
    assert (report.repaired, report.unrepairable) == (0, len(sim.world.projects(sim.company_id)))
    assert desk.rows("SELECT id FROM rfis WHERE deleted_at IS NOT NULL") == []


def test_trap_29_a_sandbox_that_was_overwritten_gets_its_hooks_back(hooked: Rig, sim: Running) -> None:
    sim.world.refresh()
    assert sim.world.hooks.all() == []
    keep_in_order(hooked.desk, "acme")
    assert len(sim.world.hooks.all()) == len(sim.world.projects(sim.company_id))


def test_trap_31_what_procore_gives_up_after_twelve_hours_is_brought_in_from_its_log(
    engine: Engine, settings: Settings, sim: Running, change: Any
) -> None:
    # Given a hook whose queue was discarded while nobody could be reached
    sim.world.sender.time_scale = 200_000
    with served(engine, settings, sim, keep=KEEP) as one:
        with reading(engine) as db:
            one.desk.loaded.fresh(db)
        mine = Hooks(engine, one.box, one.settings, one.desk.loaded, "acme")
        mine.apply(mine.plan().changes, "test")
        requests.post(f"{sim.url}/_sim/faults", json={"name": "unreachable"}, timeout=10).raise_for_status()
        id = change(subject="given up")
        wait_until(lambda: _statuses(sim) == {"discarded"}, 20, "the end of Procore's patience")
        # When its log is asked
        assert repair.look(one.desk, "acme").repaired == 1
        one.settle()
        assert [row["id"] for row in one.rows("SELECT id FROM rfis")] == [id]


def _statuses(sim: Running) -> set[str]:
    return {delivery.status for hook in sim.world.hooks.all() for delivery in sim.world.sender.log(hook)}
