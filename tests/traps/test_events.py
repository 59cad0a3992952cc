"""Traps 1 to 10, 30 and 31: what arrives, in which order, how often, or never."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from config.errors import ConfigError
from config.settings import Settings
from connectors import catalogue, hooks
from connectors.hook_api import HookApi
from connectors.kinds.procore_dmsa import Procore
from simulator.app import Running
from store.session import reading
from tests.console.conftest import wait_until
from tests.workers.rig import Rig, payload
from tests.workers.served import served
from workers.hooks import Hooks


def test_trap_01_identical_deliveries_of_one_action_are_one_row_and_one_message(
    desk: Rig, sim: Running, change: Any, subjects: Any
) -> None:
    id = change(subject="Beam pocket")
    for key in (1, 1, 2, 3, 3):  # redelivered, and told again as events of their own
        desk.deliver(payload(sim, id, key=f"01J{key:023d}"))
    desk.settle()
    assert subjects() == ["Beam pocket"]
    assert [row["subject"] for row in desk.rows("SELECT subject FROM rfis")] == ["Beam pocket"]
    skipped = [run["reason"] for run in desk.runs() if run["state"] == "skipped"]
    assert skipped
    assert all(reason.startswith("unchanged since run") for reason in skipped)


def test_trap_02_a_stale_read_is_read_again_until_the_change_shows(
    desk: Rig, change: Any, told: Any, control: Any, subjects: Any
) -> None:
    id = change(subject="before")
    told(id, 1)
    control("POST", "/faults", name="read_lag", seconds=60)
    change(id=id, subject="after")
    told_before = len(subjects())
    desk.deliver(_of(desk, id, 2))
    desk.work()
    assert len(subjects()) == told_before  # the copy was as it was: nothing is done on it yet
    control("DELETE", "/faults")
    desk.settle()
    assert subjects()[told_before:] == ["after"]


def _of(desk: Rig, id: str, key: int) -> dict[str, Any]:
    (row,) = desk.rows(f"SELECT company_id, project_id FROM tieback_records WHERE record_id = '{id}' LIMIT 1")
    return {
        "id": f"01J{key:023d}", "timestamp": "2099-01-01T00:00:00Z", "reason": "update", "user_id": "1",
        "resource_type": "RFIs", "resource_id": id, **row,
    }  # fmt: skip


def test_trap_03_an_update_that_arrives_before_its_create_leaves_the_newest_state(
    desk: Rig, change: Any, told: Any, subjects: Any
) -> None:
    id = change("create", subject="first")
    change(id=id, subject="second")
    told(id, 2, "update")
    told(id, 1, "create")
    assert [row["subject"] for row in desk.rows("SELECT subject FROM rfis")] == ["second"]
    assert subjects() == ["second"]


@pytest.mark.parametrize("version", ["v2.0", "v3.0"])
def test_trap_05_our_own_write_that_comes_back_as_an_event_starts_nothing(
    desk: Rig, sim: Running, change: Any, version: str
) -> None:
    id = change(subject="ours")
    said = {
        "id": 77, "ulid": "01JMYXMZRBVKK0PC6XS8SA4QRE", "timestamp": "2026-03-01T10:00:00Z", "api_version": version,
        "event_type": "update", "resource_name": "RFIs", "resource_id": int(id), "user_id": 1,
        "company_id": sim.company_id, "project_id": sim.project_id,
        "metadata": {"source_application_id": sim.world.tokens.client_id},
    }  # fmt: skip
    desk.deliver(said, key="own")
    desk.settle()
    (event,) = desk.rows("SELECT state, reason FROM tieback_events WHERE source = 'webhook'")
    assert event == {"state": "ignored", "reason": "our own change"}
    assert desk.runs() == []


def test_trap_06_a_hook_of_our_namespace_that_is_there_is_taken_over_and_not_made_twice(sim: Running, procore: Procore) -> None:
    project = str(sim.project_id)
    first = HookApi(procore).create(project, "tieback-acme", "https://old.example/x", "v4.0", "a" * 40)
    wanted = hooks.desired({("RFIs", "update")}, [project])
    blind = [hooks.Change("create_hook", project, "there is none", url="https://new.example/x")]
    (done,) = hooks.apply(procore, blind, lambda _: procore.connector.webhooks.secret)  # type: ignore[arg-type, return-value]
    assert (done.hook_id, done.adopted, done.error) == (first, True, None)
    there = HookApi(procore).hooks(project, "tieback-acme")
    assert [hook.url for hook in there] == ["https://new.example/x"]
    assert hooks.plan(procore, wanted, lambda _: "https://new.example/x").changes[0].kind == "add_trigger"


def test_trap_08_a_copy_is_kept_from_show_where_the_list_is_thinner(desk: Rig, change: Any, told: Any) -> None:
    thin = catalogue.resource("RFIs")
    assert thin is not None
    id = change(subject="whole")
    told(id, 1)
    (copy,) = desk.rows("SELECT body FROM tieback_records")
    body = copy["body"] if isinstance(copy["body"], dict) else __import__("json").loads(copy["body"])
    assert "questions" in body
    assert all(lacking.split(".")[0] in body for lacking in thin.list_lacks)


def test_trap_09_a_new_project_is_known_by_its_own_id_although_the_event_names_no_project(procore: Procore, sim: Running) -> None:
    shown = procore.get("Projects", str(sim.project_id))
    assert shown["id"] == sim.project_id
    row = catalogue.resource("Projects")
    assert row is not None
    assert row.scope == "company"


PASS_ON = """
    format: 1
    id: pass-on-{name}
    stage: live
    when:
      - webhook: {{connector: acme, resource: {here}, actions: [update]}}
    do:
      - id: write
        use: procore.update
        with: {{resource: {there}, id: "{id}", fields: {{{field}: "after ${{event.key}}"}}}}
"""


def test_trap_10_what_automations_write_at_procore_comes_back_and_sets_nothing_off(
    engine: Engine, settings: Settings, sim: Running, change: Any
) -> None:
    # Given two automations, each of which writes what the other listens to
    rfi, punch = change(subject="ball"), change(resource="Punch Items", description="ball")
    rules = {
        "rfis": PASS_ON.format(name="rfis", here="RFIs", there="Punch Items", id=punch, field="description"),
        "punch": PASS_ON.format(name="punch", here="Punch Items", there="RFIs", id=rfi, field="subject"),
    }
    with served(engine, settings, sim, **rules) as one:
        with reading(engine) as db:
            one.desk.loaded.fresh(db)
        mine = Hooks(engine, one.box, one.settings, one.desk.loaded, "acme")
        mine.apply(mine.plan().changes, "test")
        # When somebody changes the one, and all that follows is done
        change(id=rfi, subject="thrown")
        heard = "SELECT count(*) AS n FROM tieback_deliveries WHERE hook_key <> 'config'"
        for events in (1, 2):
            wait_until(lambda events=events: one.rows(heard)[0]["n"] >= events, 20, "the event")  # type: ignore[misc]
            one.settle()
        runs = one.runs()
    # Then one was set off, and what it wrote is known as ours
    assert [run["automation"] for run in runs if run["state"] == "ok"] == ["pass-on-rfis"]
    assert one_reason(runs) == "our own change: run 1"


def one_reason(runs: list[dict[str, Any]]) -> str:
    return str(next(run["reason"] for run in runs if run["state"] == "skipped"))


def test_trap_30_directory_updates_that_no_longer_reach_projects_name_what_to_listen_to() -> None:
    for name, instead in (("Project Users", "Company Users"), ("Project Vendors", "Company Vendors")):
        with pytest.raises(ConfigError, match=f"stopped sending {name} update on 2026-06-30.*{instead}"):
            hooks.checked(name, "update")


def test_trap_30_an_edit_fanned_out_to_many_events_is_one_read_per_record(
    desk: Rig, sim: Running, change: Any, calls: Callable[[str], int]
) -> None:
    ids = [change(subject=f"edit {number}") for number in range(3)]
    for key in range(60):
        desk.deliver(payload(sim, ids[key % 3], key=f"01J{key:023d}"))
    desk.settle()
    assert calls("/rfis") <= len(set(ids))
