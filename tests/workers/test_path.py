"""From a delivery to a row, against the simulator, one piece of work at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from config.errors import ConfigError
from config.settings import Settings
from simulator.app import serve
from store import connectors, definitions
from store.session import writing
from tests.workers.rig import Rig, payload, rig

KEEP_RFIS = """
    format: 1
    id: keep-rfis
    stage: live
    when:
      - webhook: {connector: acme, resource: RFIs, actions: [create, update, delete]}
    do:
      - id: gone
        if: event.action == "delete"
        use: db.mark_deleted
        with: {table: rfis, key: {id: "${event.resource_id}"}, at: "${event.timestamp}"}
      - id: write
        if: event.action != "delete"
        use: db.upsert
        with:
          table: rfis
          row: "${record}"
          version: "${record.updated_at}"
          if_newer: true
          columns: {status: "${record.status}"}
"""
TELL_ERP = """
    format: 1
    id: tell-erp
    stage: live
    when:
      - webhook: {connector: acme, resource: RFIs, actions: [update]}
    do:
      - id: post
        use: http.call
        with:
          to: http:sink
          method: POST
          path: /rfis
          idempotency_key: "rfi-${event.key}"
          json: {subject: "${record.subject}"}
"""


@pytest.fixture
def simulator() -> Iterator[Any]:
    with serve(seed=7, spike=100_000, hourly=1_000_000) as running:
        yield running


@pytest.fixture
def desk(engine: Engine, settings: Settings, simulator: Any) -> Iterator[Rig]:
    with rig(engine, settings, simulator, keep=KEEP_RFIS, tell=TELL_ERP) as one:
        yield one


def change(simulator: Any, verb: str = "update", **fields: Any) -> str:
    import requests

    body = {"resource": "RFIs", "verb": verb, "project_id": simulator.project_id, "fields": fields}
    answer = requests.post(f"{simulator.url}/_sim/change", json=body, timeout=10)
    return str(answer.json()["ids"][0])


def sink(simulator: Any) -> list[dict[str, Any]]:
    import requests

    found: list[dict[str, Any]] = requests.get(f"{simulator.url}/_sim/sink/erp", timeout=10).json()
    return found


def test_a_change_becomes_a_row(desk: Rig, simulator: Any) -> None:
    id = change(simulator, subject="Beam pocket")
    desk.deliver(payload(simulator, id))
    desk.work()
    (row,) = desk.rows("SELECT id, project_id, company_id, connector, status, body FROM rfis")
    assert (row["id"], row["project_id"], row["connector"]) == (id, str(simulator.project_id), "acme")
    assert [run["state"] for run in desk.runs()] == ["ok", "ok"]


def test_both_rules_share_one_read(desk: Rig, simulator: Any) -> None:
    desk.deliver(payload(simulator, change(simulator)))
    desk.work()
    assert desk.rows("SELECT count(*) AS n FROM tieback_calls WHERE path LIKE '%/rfis/%'") == [{"n": 1}]


def test_losing_every_ring_costs_nothing_but_time(desk: Rig, simulator: Any) -> None:
    desk.bell.loses = True
    desk.deliver(payload(simulator, change(simulator)))
    assert desk.work() == 0
    desk.bell.loses = False
    desk.settle()
    assert [run["state"] for run in desk.runs()] == ["ok", "ok"]


def test_the_same_delivery_twice_is_one_event(desk: Rig, simulator: Any) -> None:
    event = payload(simulator, change(simulator))
    assert desk.deliver(event)
    assert desk.deliver(event) == []
    desk.work()
    assert len(sink(simulator)) == 1


def test_a_second_event_without_a_change_runs_nothing_again(desk: Rig, simulator: Any) -> None:
    id = change(simulator)
    desk.deliver(payload(simulator, id))
    desk.work()
    desk.deliver(payload(simulator, id, key="01J00000000000000000000002"))
    desk.work()
    desk.settle()
    assert [run["state"] for run in desk.runs()] == ["ok", "ok", "skipped", "skipped"]
    assert desk.runs()[2]["reason"] == "unchanged since run 1"
    assert len(sink(simulator)) == 1


def test_a_record_that_is_not_there_yet_is_looked_for_again(desk: Rig, simulator: Any) -> None:
    desk.deliver(payload(simulator, 999999999999, action="create"))
    desk.work()
    assert [run["state"] for run in desk.runs()] == ["waiting"]
    desk.settle()
    (run,) = desk.runs()
    assert (run["state"], run["reason"]) == ("skipped", "the record is gone, or we may not see it (404)")


def test_a_delete_marks_the_row_and_an_older_copy_does_not_bring_it_back(desk: Rig, simulator: Any) -> None:
    id = change(simulator)
    desk.deliver(payload(simulator, id))
    desk.work()
    desk.deliver(
        payload(simulator, id, action="delete", key="01J00000000000000000000003") | {"timestamp": "2099-01-01T00:00:00Z"}
    )
    desk.work()
    (row,) = desk.rows("SELECT deleted_at FROM rfis")
    assert row["deleted_at"] is not None
    assert desk.rows("SELECT count(*) AS n FROM tieback_records WHERE deleted_at IS NOT NULL") == [{"n": 1}]


def test_another_companys_event_is_quarantined_and_listed(desk: Rig, simulator: Any) -> None:
    desk.deliver(payload(simulator, 1) | {"company_id": "666"})
    desk.work()
    (event,) = desk.rows("SELECT state, reason FROM tieback_events WHERE source = 'webhook'")
    assert event["state"] == "quarantined"
    assert "666" in event["reason"]
    assert desk.runs() == []


def test_an_unknown_verb_and_an_unknown_resource_are_unsupported(desk: Rig, simulator: Any) -> None:
    desk.deliver(payload(simulator, 1, action="archived", key="A"))
    desk.deliver(payload(simulator, 1, resource="Time Machines", key="B"))
    desk.work()
    kept = desk.rows("SELECT state FROM tieback_events WHERE source = 'webhook'")
    assert [row["state"] for row in kept] == ["unsupported", "unsupported"]


def test_an_event_nobody_listens_to_says_so(desk: Rig, simulator: Any) -> None:
    desk.deliver(payload(simulator, 1, resource="Submittals"))
    desk.work()
    (event,) = desk.rows("SELECT state, reason FROM tieback_events WHERE source = 'webhook'")
    assert event == {"state": "ignored", "reason": "no automation listens to Submittals update of acme"}


def test_a_broken_file_keeps_its_last_good_version_running(desk: Rig, simulator: Any, settings: Settings) -> None:
    (settings.site / "automations/keep.yaml").write_text("format: 1\nid: keep-rfis\nwhenn: []\n")
    (message,) = desk.load_site()
    assert "automations/keep.yaml:" in message
    assert "whenn" in message
    desk.deliver(payload(simulator, change(simulator)))
    desk.work()
    assert [run["state"] for run in desk.runs()] == ["ok", "ok"]


def test_a_rule_in_shadow_records_what_it_would_do_and_does_nothing(engine: Engine, settings: Settings, simulator: Any) -> None:
    shadow = {"keep": KEEP_RFIS.replace("stage: live", "stage: shadow"), "tell": TELL_ERP.replace("stage: live", "stage: shadow")}
    with rig(engine, settings, simulator, **shadow) as one:
        one.deliver(payload(simulator, change(simulator)))
        one.work()
        assert [run["state"] for run in one.runs()] == ["ok", "ok"]
        assert one.rows("SELECT count(*) AS n FROM tieback_effects") == [{"n": 0}]
        assert sink(simulator) == []


def test_an_outage_of_procore_is_waited_out(desk: Rig, simulator: Any) -> None:
    import requests

    id = change(simulator)
    requests.post(f"{simulator.url}/_sim/faults", json={"name": "outage", "count": 2}, timeout=10).raise_for_status()
    desk.deliver(payload(simulator, id))
    desk.work()
    assert {run["state"] for run in desk.runs()} == {"waiting"}
    desk.settle()
    assert {run["state"] for run in desk.runs()} == {"ok"}


def test_a_paused_connector_calls_nothing_and_loses_nothing(desk: Rig, simulator: Any) -> None:
    id = change(simulator)
    pause(desk, "paused")
    desk.deliver(payload(simulator, id))
    desk.work()
    assert desk.rows("SELECT count(*) AS n FROM tieback_calls") == [{"n": 0}]
    assert {run["state"] for run in desk.runs()} == {"waiting"}
    pause(desk, "active")
    desk.settle()
    assert {run["state"] for run in desk.runs()} == {"ok"}


def pause(desk: Rig, state: str) -> None:
    with writing(desk.engine) as db:
        connectors.set_state(db, "acme", state, None)
        definitions.changed(db)


BY_HAND = """
    format: 1
    id: by-hand
    stage: live
    when:
      - manual: {connector: acme, resource: RFIs}
    do:
      - id: write
        use: db.upsert
        with: {table: rfis_by_hand, row: "${record}"}
"""


def test_a_person_starts_a_run_as_often_as_they_like(engine: Engine, settings: Settings, simulator: Any) -> None:
    from console.verbs import starting
    from console.verbs.at_hand import AtHand

    with rig(engine, settings, simulator, hand=BY_HAND) as one:
        here = AtHand(settings, engine, "cli:test")
        id = change(simulator)
        with pytest.raises(ConfigError, match="Add --project ID"):
            starting.start(here, "by-hand", id, None)
        starting.start(here, "by-hand", id, str(simulator.project_id))
        one.settle()
        starting.start(here, "by-hand", id, None)  # the copy tells the project now
        one.settle()
        assert [run["state"] for run in one.runs()] == ["ok", "ok"]
        assert [row["id"] for row in one.rows("SELECT id FROM rfis_by_hand")] == [id]
        with pytest.raises(ConfigError, match='did you mean "by-hand"'):
            starting.start(here, "by-hnd", id, None)
        with pytest.raises(ConfigError, match="Add --record ID"):
            starting.start(here, "by-hand", None, None)
