from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import requests

from simulator.table import ROWS
from tests.simulator.conftest import Caller, Receiver, until

RFIS = "/rest/v1.0/projects/{p}/rfis"


def test_the_state_tells_what_a_test_needs(fresh: Caller):
    state = fresh.get("/_sim/state").json()

    assert {"client_id", "client_secret", "companies", "counts", "hooks"} <= set(state)
    assert [len(one["projects"]) for one in state["companies"]] == [3, 1]
    assert {"id", "name"} <= set(state["companies"][0]["projects"][0])
    assert state["counts"]["RFIs"] == 36 * 3 + 1


def test_a_change_is_readable_when_it_is_answered(fresh: Caller):
    before = {one["id"]: one["updated_at"] for one in fresh.get(RFIS).json()}
    wish = {"resource": "RFIs", "verb": "update", "fields": {"subject": "Changed"}}
    changed = fresh.post("/_sim/change", json=wish).json()["ids"]

    body = fresh.get(f"{RFIS}/{changed[0]}").json()
    assert body["subject"] == "Changed"
    assert body["updated_at"] > before[changed[0]]


def test_a_change_without_fields_changes_something_that_can_be_seen(fresh: Caller):
    before = {one["id"]: one for one in fresh.get(RFIS).json()}
    changed = fresh.post("/_sim/change", json={"resource": "RFIs", "verb": "update"}).json()["ids"][0]

    assert fresh.get(RFIS).json()[0]["due_date"] != before[changed]["due_date"]


def test_count_touches_distinct_records_and_missing_ones_are_made_without_events(fresh: Caller, receiver: Receiver):
    fresh.subscribe(receiver.url, "RFIs create", "RFIs update")
    ids = fresh.post("/_sim/change", json={"resource": "rfis", "verb": "update", "count": 50}).json()["ids"]

    assert len(set(ids)) == 50
    until(lambda: len(receiver.bodies) == 50)
    assert {one["reason"] for one in receiver.bodies} == {"update"}


def test_creates_and_deletes(fresh: Caller):
    made = fresh.post("/_sim/change", json={"resource": "Punch Items", "verb": "create", "count": 3}).json()["ids"]
    path = "/rest/v1.1/punch_items/{}?project_id={{p}}"
    assert [fresh.get(path.format(one)).status_code for one in made] == [200, 200, 200]

    wish = {"resource": "Punch Items", "verb": "delete", "id": made[0], "project_id": fresh.project}
    assert fresh.post("/_sim/change", json=wish).json()["ids"] == made[:1]
    assert fresh.get(path.format(made[0])).status_code == 404


def test_a_new_project_is_listed_and_has_records_of_its_own(fresh: Caller):
    wish = {"resource": "Projects", "verb": "create", "fields": {"name": "Annex"}}
    project = fresh.post("/_sim/change", json=wish).json()["ids"][0]

    names = [one["name"] for one in fresh.get("/rest/v1.1/projects?company_id={c}").json()]
    assert "Annex" in names
    assert fresh.get(f"/rest/v1.0/projects/{project}/rfis").json() == []
    fresh.post("/_sim/change", json={"resource": "RFIs", "verb": "create", "project_id": project})
    assert len(fresh.get(f"/rest/v1.0/projects/{project}/rfis").json()) == 1


@pytest.mark.parametrize(
    "wish",
    [
        {},
        [],
        {"resource": "Nothing", "verb": "update"},
        {"resource": "RFIs", "verb": "explode"},
        {"resource": "RFIs", "verb": "update", "count": 0},
        {"resource": "RFIs", "verb": "update", "count": "many"},
        {"resource": "RFIs", "verb": "update", "project_id": 1},
        {"resource": "RFIs", "verb": "update", "id": 1},
        {"resource": "RFIs", "verb": "update", "fields": "subject"},
        {"resource": "RFIs", "verb": "update", "counts": 2},
    ],
)
def test_a_nonsense_change_is_refused_with_a_sentence(shared: Caller, wish: object):
    answer = shared.post("/_sim/change", json=wish)

    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")


def test_a_misspelled_field_is_answered_with_the_nearest(shared: Caller):
    answer = shared.post("/_sim/change", json={"resource": "RFIs", "verbs": "update"})

    assert answer.json()["error"].startswith("/_sim/change knows no field 'verbs'. Did you mean verb? Send: resource, verb,")


def fanned(caller: Caller, receiver: Receiver, resource: str, **wish: object) -> Any:
    """A fan-out, heard by a hook of the company and one of each project."""
    projects = [one.id for one in caller.sim.world.projects(caller.company)]
    for scope in ("", *(f"/projects/{project}" for project in projects)):
        if bool(scope) == ROWS[resource].of_project:
            caller.subscribe(receiver.url, f"{resource} update", scope=scope)
    answer = caller.post("/_sim/fanout", json={"resource": resource, **wish})
    assert answer.status_code == 200, answer.text
    until(lambda: len(receiver.bodies) == answer.json()["events"], 30)
    return answer.json()


def test_a_fan_out_is_an_event_in_every_project(fresh: Caller, receiver: Receiver):
    made = fanned(fresh, receiver, "Locations")

    assert (made["events"], len(set(made["ids"]))) == (3, 3)
    assert {int(one["project_id"]) for one in receiver.bodies} == set(made["projects"])
    assert len({one["user_id"] for one in receiver.bodies}) == 1


def test_one_directory_edit_can_be_two_thousand_events_about_few_records(fresh: Caller, receiver: Receiver):
    made = fanned(fresh, receiver, "Company Users", events=2000, records=5)

    assert len(set(made["ids"])) == 5
    assert {int(one["resource_id"]) for one in receiver.bodies} == set(made["ids"])
    assert len({one["id"] for one in receiver.bodies}) == 2000
    assert len({(one["resource_id"], one["timestamp"]) for one in receiver.bodies}) == 5  # each tells when the edit was


def test_a_fan_out_over_some_projects_spreads_its_records_evenly(fresh: Caller, receiver: Receiver):
    projects = [one.id for one in fresh.sim.world.projects(fresh.company)][:2]
    made = fanned(fresh, receiver, "RFIs", events=21, records=7, project_ids=projects)

    counts = Counter(int(one["project_id"]) for one in receiver.bodies)
    assert (sorted(counts), made["projects"]) == (sorted(projects), projects)
    assert sorted(counts.values()) == [9, 12]


@pytest.mark.parametrize(
    "wish",
    [
        {"resource": "Nothing"},
        {"resource": "RFIs", "verb": "delete"},
        {"resource": "RFIs", "events": 1, "records": 2},
        {"resource": "RFIs", "project_ids": []},
        {"resource": "RFIs", "project_ids": [1]},
        {"resource": "RFIs", "events": 10**9},
    ],
)
def test_a_nonsense_fan_out_is_refused_with_a_sentence(shared: Caller, wish: object):
    answer = shared.post("/_sim/fanout", json=wish)

    assert (answer.status_code, answer.json()["error"][-1]) == (400, ".")


def test_the_state_counts_the_deliveries_of_each_hook(fresh: Caller, receiver: Receiver):
    fresh.subscribe(receiver.url, "RFIs update")
    fresh.post("/_sim/change", json={"resource": "RFIs", "verb": "update", "count": 3})

    until(lambda: fresh.get("/_sim/state").json()["hooks"][0]["deliveries"] == {"delivered": 3})
    assert len(fresh.get("/_sim/deliveries?status=delivered").json()) == 3
    assert fresh.get("/_sim/deliveries?status=discarded").json() == []


def test_a_sink_told_to_wait_for_no_number_says_so(shared: Caller):
    answer = shared.post("/_sim/sink/erp?mode=slow&seconds=long", json={})

    assert (answer.status_code, answer.json()["error"]) == (400, "seconds is a number from 0 to 600, not 'long'.")


def test_calls_are_counted_by_template(fresh: Caller):
    fresh.delete("/_sim/calls")
    for number in (1, 2):
        fresh.get(f"{RFIS}/{number}")
    fresh.get("/rest/v1.0/nothing/77")

    template = "/rest/v1.0/projects/{project_id}/rfis/{id}"
    assert fresh.get("/_sim/calls").json() == [
        {"method": "GET", "path": "/rest/v1.0/nothing/{id}", "status": 404, "count": 1},
        {"method": "GET", "path": template, "status": 404, "count": 2},
    ]
    fresh.delete("/_sim/calls")
    assert fresh.get("/_sim/calls").json() == []


def test_a_sink_keeps_what_is_posted(fresh: Caller):
    sent = fresh.put("/_sim/sink/erp/orders/7?x=1", json={"a": 1}, headers={"X-Kind": "order"})
    fresh.post("/_sim/sink/erp", data="plain")

    assert sent.json() == {"id": 1, "ok": True}
    first, second = fresh.get("/_sim/sink/erp").json()
    assert (first["method"], first["path"], first["body"]) == ("PUT", "/_sim/sink/erp/orders/7", {"a": 1})
    assert (first["headers"]["X-Kind"], second["body"]) == ("order", "plain")
    fresh.delete("/_sim/sink/erp?forget=1")
    assert fresh.get("/_sim/sink/erp").json() == []


def test_a_sink_applies_the_same_key_once_and_answers_alike(fresh: Caller):
    answers = [fresh.post("/_sim/sink/erp", json={}, headers={"Idempotency-Key": "k1"}).json() for _ in range(2)]

    assert answers[0] == answers[1]
    assert [one["applied"] for one in fresh.get("/_sim/sink/erp").json()] == [True, False]
    fresh.delete("/_sim/sinks")
    assert fresh.get("/_sim/sink/erp").json() == []


@pytest.mark.parametrize(("mode", "applied"), [("error_500", False), ("apply_then_500", True)])
def test_a_sink_can_fail_before_or_after_it_applies(fresh: Caller, mode: str, applied: bool):
    fresh.post("/_sim/faults", json={"name": "sink", "sink": "erp", "mode": mode, "count": 1})

    assert [fresh.post("/_sim/sink/erp", json={}).status_code for _ in range(2)] == [500, 200]
    assert [one["applied"] for one in fresh.get("/_sim/sink/erp").json()] == [applied, True]


def test_a_sink_can_cut_the_connection_after_it_applied(fresh: Caller):
    with pytest.raises(requests.ConnectionError):
        fresh.post("/_sim/sink/erp?mode=apply_then_cut", json={})

    assert [one["applied"] for one in fresh.get("/_sim/sink/erp").json()] == [True]


def test_an_unknown_control_says_so(shared: Caller):
    answer = shared.get("/_sim/nothing")

    assert (answer.status_code, answer.json()["error"]) == (404, "There is no GET /_sim/nothing among the controls.")


def test_every_resource_can_be_created_updated_and_deleted(fresh: Caller):
    for name in ROWS:
        for verb in ("create", "update", "delete"):
            answer = fresh.post("/_sim/change", json={"resource": name, "verb": verb})
            assert (answer.status_code, len(answer.json()["ids"])) == (200, 1), (name, verb)
