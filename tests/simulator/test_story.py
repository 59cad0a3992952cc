from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.conftest import Caller, Receiver, until

RFIS = "/rest/v1.0/projects/{p}/rfis"
PROJECTS = "/rest/v1.1/projects?company_id={c}"


def names(caller: Caller) -> list[int]:
    return [one["id"] for one in caller.get(PROJECTS).json()]


def test_a_project_that_is_no_longer_permitted_comes_back(fresh: Caller):
    wish = {"project_id": fresh.project, "permitted": False}
    fresh.post("/_sim/permitted", json=wish)
    assert (fresh.project in names(fresh), fresh.get(RFIS).status_code) == (False, 403)

    fresh.post("/_sim/permitted", json=wish | {"permitted": True})
    assert (fresh.project in names(fresh), fresh.get(RFIS).status_code) == (True, 200)


def test_after_an_update_of_the_app_all_projects_are_gone_and_are_chosen_again_one_by_one(fresh: Caller):
    before = names(fresh)
    fresh.post("/_sim/faults", json={"name": "project_removed"})
    assert names(fresh) == []

    fresh.post("/_sim/permitted", json={"project_id": before[1], "permitted": True})
    assert names(fresh) == [before[1]]


def test_a_project_permitted_later_has_records_and_no_event_tells_of_it(fresh: Caller, receiver: Receiver):
    fresh.subscribe(receiver.url, "Projects create", "Company Vendors update", scope="")
    made = fresh.post("/_sim/projects", json={"name": "Harbour Annex", "records": 4}).json()
    fresh.post("/_sim/change", json={"resource": "Company Vendors", "verb": "update"})

    assert made["id"] in names(fresh)
    assert len(fresh.get(f"/rest/v1.0/projects/{made['id']}/rfis").json()) == 4
    assert until(lambda: receiver.bodies)[0]["resource_type"] == "Company Vendors"


def test_a_monthly_refresh_takes_records_and_hooks_back_to_the_seed_and_gives_the_same_ids_again(
    fresh: Caller, receiver: Receiver
):
    def month() -> tuple[str, int]:
        hook = fresh.subscribe(receiver.url, "RFIs update")
        return hook, fresh.post("/_sim/change", json={"resource": "RFIs", "verb": "create"}).json()["ids"][0]

    before = fresh.get(RFIS).json()
    first = month()
    fresh.post("/_sim/change", json={"resource": "RFIs", "verb": "delete", "id": before[0]["id"]})
    changed = [one["id"] for one in fresh.get(RFIS).json()]
    fresh.post("/_sim/refresh")

    after = [one["id"] for one in fresh.get(RFIS).json()]
    assert after == [one["id"] for one in before] != changed
    assert fresh.get("/_sim/state").json()["hooks"] == []
    assert month() == first


def test_the_pause_after_a_failure_can_be_ended(start, receiver: Receiver):
    caller = start(time_scale=0.001)
    caller.subscribe(receiver.url, "RFIs update")
    receiver.statuses = [500]
    caller.post("/_sim/change", json={"resource": "RFIs", "verb": "update"})
    until(lambda: [one["status"] for one in caller.get("/_sim/deliveries?status=retrying").json()])
    caller.post("/_sim/send_now")

    until(lambda: len(receiver.bodies) == 2)


@pytest.mark.parametrize(
    ("path", "wish"),
    [
        ("/_sim/outage", {"hours": 0}),
        ("/_sim/outage", {"hours": "long"}),
        ("/_sim/outage", {"hour": 13}),
        ("/_sim/outage", {"project_id": 1}),
        ("/_sim/permitted", {}),
        ("/_sim/permitted", {"project_id": 1, "permitted": True}),
        ("/_sim/permitted", []),
        ("/_sim/projects", {"records": -1}),
        ("/_sim/projects", {"name": 7}),
        ("/_sim/projects", {"company_id": 1}),
        ("/_sim/refresh", {"now": True}),
        ("/_sim/send_now", {"hook": 1}),
    ],
)
def test_a_nonsense_body_is_refused_with_a_sentence(shared: Caller, path: str, wish: Any):
    answer = shared.post(path, json=wish)

    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")
