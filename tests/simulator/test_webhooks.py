from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.conftest import Caller, Receiver, until

PROJECT = "/rest/v2.0/companies/{c}/projects/{p}/webhooks"
COMPANY = "/rest/v2.0/companies/{c}/webhooks"
WISH = {
    "payload_version": "v4.0",
    "namespace": "acme-worker",
    "destination_url": "https://hooks.acme.example/procore",
    "destination_headers": {"Authorization": "Bearer s3cr3t-abcde"},
}


def made(caller: Caller, root: str = PROJECT, **other: Any) -> dict[str, Any]:
    answer = caller.post(root + "/hooks", json=WISH | other)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()["data"]
    return body


def test_a_hook_is_shown_as_in_the_reference_with_its_secret_masked(fresh: Caller):
    hook = made(fresh)

    owner = ["company_id", "project_id", "created_at", "updated_at", "hook_type"]
    own = ["id", "status", "payload_version", "namespace", "destination_headers", "destination_url", "trigger_count"]
    assert sorted(hook) == sorted([*own, *owner])
    assert hook["destination_headers"] == {"Authorization": "*****abcde"}
    assert (hook["company_id"], hook["project_id"]) == (None, str(fresh.project))
    assert isinstance(hook["id"], str)
    assert fresh.get(f"{PROJECT}/hooks/{hook['id']}").json()["data"] == hook


def test_a_company_hook_belongs_to_the_company(fresh: Caller):
    hook = made(fresh, COMPANY)

    assert (hook["company_id"], hook["project_id"]) == (str(fresh.company), None)
    assert fresh.get(f"{PROJECT}/hooks/{hook['id']}").status_code == 404


def test_a_namespace_is_taken_once_per_scope(fresh: Caller):
    made(fresh)
    again = fresh.post(PROJECT + "/hooks", json=WISH)

    assert again.status_code == 400
    assert "namespace has already been taken" in again.text
    made(fresh, COMPANY)


@pytest.mark.parametrize(
    "wrong",
    [{"namespace": "Acme Worker"}, {"destination_url": "nowhere"}, {"payload_version": "v9"}, {"namespace": None}],
)
def test_a_wrong_hook_is_refused_with_the_field(shared: Caller, wrong: dict[str, str]):
    answer = shared.post(PROJECT + "/hooks", json=WISH | wrong)

    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == list(wrong)


@pytest.mark.parametrize(("asked", "kept"), [("v2", "v2.0"), ("v3.0", "v3.0"), ("v4", "v4.0")])
def test_payload_versions_have_two_spellings(fresh: Caller, asked: str, kept: str):
    assert made(fresh, payload_version=asked)["payload_version"] == kept


def test_a_company_list_needs_the_namespace(fresh: Caller):
    made(fresh, COMPANY)

    assert fresh.get(COMPANY + "/hooks").status_code == 400
    assert fresh.get(COMPANY + "/hooks?namespace=other").json() == {"data": []}
    assert len(fresh.get(COMPANY + "/hooks?namespace=acme-worker").json()["data"]) == 1
    assert fresh.get(PROJECT + "/hooks").json() == {"data": []}


def test_a_hook_can_be_changed_and_removed(fresh: Caller):
    path = f"{PROJECT}/hooks/{made(fresh)['id']}"
    changed = fresh.patch(path, json={"status": "disabled", "destination_url": "https://other.example/"})

    assert changed.json()["data"]["status"] == "disabled"
    assert fresh.patch(path, json={"status": "asleep"}).status_code == 400
    assert fresh.delete(path).status_code == 204
    assert [fresh.get(path).status_code, fresh.delete(path).status_code] == [404, 404]


def test_a_trigger_is_shown_as_in_the_reference(fresh: Caller):
    path = f"{PROJECT}/hooks/{made(fresh)['id']}/triggers"
    trigger = fresh.post(path, json={"resource_name": "RFIs", "event_type": "create"})

    assert trigger.status_code == 201
    assert sorted(trigger.json()["data"]) == sorted(
        ["id", "webhook_hook_id", "resource_name", "event_type", "company_id", "project_id"]
    )
    assert trigger.json()["data"]["event_type"] == "CREATE"
    assert fresh.get(path).json()["data"] == [trigger.json()["data"]]
    assert fresh.delete(f"{path}/{trigger.json()['data']['id']}").status_code == 204
    assert fresh.get(path).json()["data"] == []


@pytest.mark.parametrize(
    ("root", "resource", "verb"),
    [
        (PROJECT, "Company Vendors", "update"),
        (COMPANY, "RFIs", "create"),
        (COMPANY, "Projects", "delete"),
        (PROJECT, "Project Users", "update"),
        (PROJECT, "RFIs", "explode"),
        (PROJECT, "Requisitions", "create"),
    ],
)
def test_a_trigger_of_another_scope_or_a_retired_event_is_refused(fresh: Caller, root: str, resource: str, verb: str):
    path = f"{root}/hooks/{made(fresh, root)['id']}/triggers"
    answer = fresh.post(path, json={"resource_name": resource, "event_type": verb})

    assert answer.status_code == 400
    assert answer.json()["errors"]


@pytest.mark.parametrize("shape", ["array", "object", "single"])
def test_bulk_triggers_may_come_in_three_shapes(fresh: Caller, shape: str):
    wish = {"resource_name": "RFIs", "event_type": "update"}
    body: Any = {"array": [wish], "object": {"triggers": [wish]}, "single": wish}[shape]
    answer = fresh.post(f"{PROJECT}/hooks/{made(fresh)['id']}/triggers/bulk", json=body)

    assert (answer.status_code, len(answer.json()["data"])) == (201, 1)


def test_bulk_triggers_that_succeed_in_part_are_207(fresh: Caller):
    path = f"{PROJECT}/hooks/{made(fresh)['id']}/triggers/bulk"
    wishes = [{"resource_name": "RFIs", "event_type": verb} for verb in ("update", "explode")]
    answer = fresh.post(path, json=wishes)

    assert answer.status_code == 207
    assert [len(answer.json()["data"][key]) for key in ("succeeded", "failed")] == [1, 1]
    assert fresh.post(path, json=wishes[:1] * 501).status_code == 413


def test_triggers_are_removed_in_bulk(fresh: Caller):
    path = f"{PROJECT}/hooks/{made(fresh)['id']}/triggers/bulk"
    wishes = [{"resource_name": "RFIs", "event_type": verb} for verb in ("create", "update")]
    ids = [one["id"] for one in fresh.post(path, json=wishes).json()["data"]]

    assert fresh.delete(path, json=ids[:1]).json() == {"data": {"succeeded": ids[:1]}}
    mixed = fresh.delete(path, json=ids)
    assert (mixed.status_code, mixed.json()["data"]["succeeded"]) == (207, ids[1:])


def test_resources_depend_on_the_scope(shared: Caller):
    asked = "/resources?payload_version=v2.0&per_page=100"
    company, project = (shared.get(root + asked).json()["data"] for root in (COMPANY, PROJECT))

    assert (len(company), len(project)) == (25, 96)
    assert {"RFIs", "Submittals", "Punch Items"} <= {one["name"] for one in project}
    assert sorted(project[0]) == ["actions", "category", "name", "payload_version", "tool"]
    assert shared.get(PROJECT + "/resources").status_code == 400


def test_deliveries_of_a_new_hook_are_not_found_until_there_is_one(fresh: Caller, receiver: Receiver):
    hook = fresh.subscribe(receiver.url, "RFIs update")
    path = f"{PROJECT}/hooks/{hook}/deliveries"
    assert fresh.get(path).status_code == 404

    fresh.post("/_sim/change", json={"resource": "RFIs", "verb": "update"})
    until(lambda: receiver.bodies)
    until(lambda: fresh.get(path + "?filter[status]=succeeded").json()["data"])
    delivery = fresh.get(path).json()["data"][0]
    assert delivery["status"] == "delivered"
    assert delivery["payload"] == receiver.bodies[0]
    assert delivery["delivery_attempts"][0]["response_status"] == 204
    assert fresh.get(path + "?filter[status]=failed").json()["data"] == []
    assert fresh.get(path + "?filter[resource_name]=Meetings").json()["data"] == []


def test_the_hooks_of_one_payload_version_can_be_listed(fresh: Caller):
    made(fresh)

    for version, count in (("v4", 1), ("v4.0", 1), ("v2", 0), ("v9", 0)):
        assert len(fresh.get(f"{PROJECT}/hooks?payload_version={version}").json()["data"]) == count


def test_a_list_counts_triggers_only_when_asked_to(fresh: Caller):
    made(fresh)

    assert "trigger_count" not in fresh.get(PROJECT + "/hooks").json()["data"][0]
    assert fresh.get(PROJECT + "/hooks?include_trigger_count=true").json()["data"][0]["trigger_count"] == 0


def test_lists_have_ten_items_a_page_and_their_headers(fresh: Caller):
    path = f"{PROJECT}/hooks/{made(fresh)['id']}/triggers"
    names = ("RFIs", "Submittals", "Punch Items", "Meetings")
    wishes = [{"resource_name": name, "event_type": verb} for name in names for verb in ("create", "update", "delete")]
    fresh.post(path + "/bulk", json=wishes)
    first, last = fresh.get(path), fresh.get(path + "?page=2")

    assert [len(page.json()["data"]) for page in (first, last)] == [10, 2]
    assert (first.headers["Total"], first.headers["Per-Page"]) == ("12", "10")
    assert ['rel="next"' in page.headers["Link"] for page in (first, last)] == [True, False]


def test_a_name_that_only_v4_delivers_needs_a_v4_hook(fresh: Caller):
    wish = {"resource_name": "Prime Change Orders", "event_type": "update"}
    older = made(fresh, payload_version="v3.0")["id"]
    newer = made(fresh, namespace="acme-newer")["id"]

    assert [fresh.post(f"{PROJECT}/hooks/{one}/triggers", json=wish).status_code for one in (older, newer)] == [400, 201]


def sent(caller: Caller, receiver: Receiver, **wishes: str) -> str:
    """One delivery of each resource with its verb; answers the path of the list."""
    hook = caller.subscribe(receiver.url, *(f"{name.replace('_', ' ')} {verb}" for name, verb in wishes.items()))
    for name, verb in wishes.items():
        caller.post("/_sim/change", json={"resource": name.replace("_", " "), "verb": verb})
    until(lambda: len(receiver.bodies) == len(wishes))
    until(lambda: {one["status"] for one in caller.get("/_sim/deliveries").json()} == {"delivered"})
    return f"{PROJECT}/hooks/{hook}/deliveries"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("filter[resource_name]=RFIs", ["RFIs"]),
        ("filter[event_type]=create", ["Meetings"]),
        ("filter[event_type]=CREATE", ["Meetings"]),
        ("filter[start]=2000-01-01", ["RFIs", "Meetings"]),
        ("filter[start]=2999-01-01", []),
        ("filter[end]=2000-01-01", []),
        ("filter[start]=2000-01-01&filter[end]=2999-01-01", ["RFIs", "Meetings"]),
        ("filter[status]=retrying", []),
        ("filter[status]=enqueued", []),
        ("filter[status]=discarded", []),
        ("filters[resource_name]=RFIs", ["RFIs", "Meetings"]),
        ("sort=-created_at", ["Meetings", "RFIs"]),
        ("per_page=1&page=2", ["Meetings"]),
    ],
)
def test_deliveries_are_filtered_by_filter_in_the_singular(fresh: Caller, receiver: Receiver, asked: str, found: list[str]):
    path = sent(fresh, receiver, RFIs="update", Meetings="create")

    assert [one["payload"]["resource_type"] for one in fresh.get(f"{path}?{asked}").json()["data"]] == found


@pytest.mark.parametrize("wrong", ["filter[status]=delivered", "filter[start]=yesterday", "filter[end]=2026-13-01"])
def test_a_filter_that_makes_no_sense_is_a_400(fresh: Caller, receiver: Receiver, wrong: str):
    assert fresh.get(f"{sent(fresh, receiver, RFIs='update')}?{wrong}").status_code == 400


def test_webhooks_can_be_forbidden(fresh: Caller):
    fresh.post("/_sim/faults", json={"name": "webhooks_forbidden"})

    assert fresh.get(PROJECT + "/hooks").status_code == 403
    assert fresh.get("/rest/v1.0/projects/{p}/rfis").status_code == 200
