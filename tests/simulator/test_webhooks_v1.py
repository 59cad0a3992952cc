"""The v1.0 webhooks API as Procore's documentation teaches it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.conftest import Caller, Receiver, until

HOOKS = "/rest/v1.0/webhooks/hooks"
NEWER = "/rest/v2.0/companies/{c}/projects/{p}/webhooks/hooks"
WISH = {
    "api_version": "v2",
    "namespace": "acme-worker",
    "destination_url": "https://hooks.acme.example/procore",
    "destination_headers": {"Authorization": "Bearer s3cr3t-abcde"},
}
RFI_UPDATE = {"resource_name": "RFIs", "event_type": "update"}


def in_project(caller: Caller, **other: Any) -> dict[str, Any]:
    return {"project_id": caller.project, **other}


def made(caller: Caller, **other: Any) -> dict[str, Any]:
    answer = caller.post(HOOKS, json=in_project(caller, hook=WISH | other))
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def listed(caller: Caller, namespace: str = "acme-worker") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = caller.get(f"{HOOKS}?project_id={{p}}&namespace={namespace}").json()
    return found


def test_a_hook_is_shown_bare_with_its_owner_and_without_status_or_times(fresh: Caller):
    hook = made(fresh)

    assert hook == {
        "id": hook["id"],
        "api_version": "v2",
        "destination_headers": {"Authorization": "*****abcde"},
        "destination_url": "https://hooks.acme.example/procore",
        "owned_by_company_id": None,
        "owned_by_project_id": fresh.project,
        "owned_by_user_id": fresh.sim.world.user_id,
        "namespace": "acme-worker",
    }
    assert isinstance(hook["id"], int)
    assert listed(fresh) == [hook]


def test_a_company_hook_names_the_company(fresh: Caller):
    hook = fresh.post(HOOKS, json={"company_id": fresh.company, "hook": WISH}).json()

    assert (hook["owned_by_company_id"], hook["owned_by_project_id"]) == (fresh.company, None)
    assert listed(fresh) == []
    assert fresh.get(f"{HOOKS}?company_id={{c}}&namespace=acme-worker").json() == [hook]


@pytest.mark.parametrize("scope", ["", "?company_id={c}&project_id={p}"])
def test_company_and_project_are_one_or_the_other(shared: Caller, scope: str):
    assert shared.get(HOOKS + scope).status_code == 400
    both = {"company_id": shared.company, "project_id": shared.project} if scope else {}
    assert shared.post(HOOKS, json={**both, "hook": WISH}).status_code == 400


def test_both_versions_of_the_api_show_the_same_hook(fresh: Caller):
    hook = made(fresh)
    newer = fresh.get(f"{NEWER}/{hook['id']}").json()["data"]
    assert (newer["id"], newer["payload_version"], newer["status"]) == (str(hook["id"]), "v2.0", "active")

    fresh.patch(f"{NEWER}/{hook['id']}", json={"destination_url": "https://other.example/"})
    assert listed(fresh)[0]["destination_url"] == "https://other.example/"
    assert fresh.delete(f"{NEWER}/{hook['id']}").status_code == 204
    assert listed(fresh) == []


def test_a_hook_is_listed_to_who_knows_its_namespace_or_asks_for_all(fresh: Caller):
    hook = made(fresh)

    assert [listed(fresh, name) for name in ("acme-worker", "*", "other", "")] == [[hook], [hook], [], []]
    assert fresh.get(HOOKS + "?project_id={p}").json() == []
    assert fresh.get(HOOKS + "?project_id={p}&namespace=*&api_version=v4").json() == []


@pytest.mark.parametrize(("asked", "shown"), [("v2", "v2"), ("v2.0", "v2"), ("v3.0", "v3"), ("v4", "v4")])
def test_payload_versions_may_be_spelled_in_two_ways(fresh: Caller, asked: str, shown: str):
    assert made(fresh, api_version=asked)["api_version"] == shown


def test_a_namespace_that_has_been_taken_is_a_400(fresh: Caller):
    made(fresh)
    again = fresh.post(HOOKS, json=in_project(fresh, hook=WISH))

    assert again.status_code == 400
    assert again.json()["errors"] == {"namespace": ["has already been taken"]}
    assert "namespace has already been taken" in again.text


@pytest.mark.parametrize(
    "wrong", [{"namespace": "Acme Worker"}, {"namespace": 7}, {"destination_url": "nowhere"}, {"api_version": "v9"}]
)
def test_a_wrong_hook_is_refused_with_the_field_as_this_api_calls_it(shared: Caller, wrong: dict[str, Any]):
    answer = shared.post(HOOKS, json=in_project(shared, hook=WISH | wrong))

    assert (answer.status_code, list(answer.json()["errors"])) == (400, list(wrong))


def test_a_body_that_is_not_wrapped_is_refused(shared: Caller):
    assert shared.post(HOOKS, json=in_project(shared) | WISH).status_code == 400


def test_a_hook_is_changed_and_deleted_without_a_body(fresh: Caller):
    path = f"{HOOKS}/{made(fresh)['id']}"
    changed = fresh.patch(path, json=in_project(fresh, hook={"destination_url": "https://other.example/"}))
    assert (changed.status_code, changed.json()["destination_url"]) == (200, "https://other.example/")

    gone = fresh.delete(path + "?project_id={p}")
    assert (gone.status_code, gone.content) == (200, b"")
    assert fresh.delete(path + "?project_id={p}").status_code == 404


def test_a_disabled_hook_stays_disabled_since_this_api_knows_no_status(fresh: Caller):
    hook = made(fresh)
    fresh.patch(f"{NEWER}/{hook['id']}", json={"status": "disabled"})
    fresh.patch(f"{HOOKS}/{hook['id']}", json=in_project(fresh, hook={"status": "active", **WISH}))

    assert fresh.get(f"{NEWER}/{hook['id']}").json()["data"]["status"] == "disabled"


def test_a_trigger_answers_in_upper_case(fresh: Caller):
    hook = made(fresh)
    path = f"{HOOKS}/{hook['id']}/triggers"
    trigger = fresh.post(path, json=in_project(fresh, api_version="v2", trigger=RFI_UPDATE))

    assert trigger.status_code == 201
    assert trigger.json() == {
        "id": trigger.json()["id"],
        "webhook_hook_id": hook["id"],
        "resource_name": "RFIs",
        "resource_id": None,
        "event_type": "UPDATE",
        "company_id": None,
        "project_id": fresh.project,
        "user_id": fresh.sim.world.user_id,
    }
    assert fresh.get(path + "?project_id={p}").json() == [trigger.json()]
    gone = fresh.delete(f"{path}/{trigger.json()['id']}?project_id={{p}}")
    assert (gone.status_code, gone.content) == (200, b"")
    assert fresh.get(path + "?project_id={p}").json() == []


def bulk(caller: Caller, *verbs: str) -> Any:
    wishes = [{"resource_name": "RFIs", "event_type": verb} for verb in verbs]
    path = f"{HOOKS}/{listed(caller)[0]['id']}/triggers/bulk"
    return caller.post(path, json=in_project(caller, api_version="v2", triggers=wishes))


def test_bulk_triggers_are_200_or_in_part_207(fresh: Caller):
    made(fresh)
    assert (bulk(fresh, "create").status_code, list(bulk(fresh, "delete").json())) == (200, ["success"])

    mixed = bulk(fresh, "update", "")
    assert mixed.status_code == 207
    assert [one["event_type"] for one in mixed.json()["success"]] == ["UPDATE"]
    refused = mixed.json()["failed"][0]
    assert (refused["code"], refused["message"], refused["errors"]) == ("400", "Bad Request", {"event_type": "Can't be blank"})


def test_more_than_500_triggers_at_once_are_413_and_without_the_permission_403(fresh: Caller):
    made(fresh)
    assert bulk(fresh, *["update"] * 501).status_code == 413

    path = f"{HOOKS}/{listed(fresh)[0]['id']}/triggers/bulk"
    fresh.post("/_sim/faults", json={"name": "webhooks_forbidden"})
    assert fresh.post(path, json=in_project(fresh, triggers=[RFI_UPDATE])).status_code == 403


def test_triggers_are_deleted_in_bulk(fresh: Caller):
    made(fresh)
    ids = [one["id"] for one in bulk(fresh, "create", "update").json()["success"]]
    path = f"{HOOKS}/{listed(fresh)[0]['id']}/triggers/bulk"

    assert fresh.delete(path, json=in_project(fresh, triggers=ids[:1])).json() == {"success": ids[:1]}
    mixed = fresh.delete(path, json=in_project(fresh, triggers=[43, ids[1]]))
    assert (mixed.status_code, mixed.json()) == (207, {"success": ids[1:], "failed": [{"code": "403", "trigger": 43}]})


def test_resources_have_their_name_in_tools_and_what_cannot_be_had_in_except(shared: Caller):
    found = shared.get("/rest/v1.0/webhooks/resources?company_id={c}").json()

    assert found[0] == {
        "api_version": "v2",
        "product_category": "Preconstruction",
        "tools": "Bids",
        "except": ["create", "delete"],
        "create": None,
        "update": None,
        "delete": None,
    }
    assert len(found) == 25
    assert {one["tools"]: one["except"] for one in shared.get("/rest/v1.0/webhooks/resources?project_id={p}").json()}[
        "Project Users"
    ] == ["update"]


def test_the_api_versions_are_an_array_of_text(shared: Caller):
    assert shared.get("/rest/v1.0/webhooks/resources/api_versions?company_id={c}").json() == ["v2", "v3", "v4"]


def delivered(caller: Caller, receiver: Receiver, *statuses: int) -> str:
    """A hook with one RFI event for each status, the last ones waiting behind a failure; answers the list's path."""
    hook = made(caller, destination_url=receiver.url)
    caller.post(f"{HOOKS}/{hook['id']}/triggers", json=in_project(caller, trigger=RFI_UPDATE))
    path = f"{HOOKS}/{hook['id']}/deliveries?project_id={{p}}"
    assert caller.get(path).status_code == 404
    receiver.statuses = list(statuses)
    caller.post("/_sim/change", json={"resource": "RFIs", "verb": "update", "count": len(statuses)})
    return path


def test_a_delivery_carries_its_outcome_the_answer_and_the_event(fresh: Caller, receiver: Receiver):
    path = delivered(fresh, receiver, 204)
    item = until(lambda: fresh.get(path + "&filter[status]=successful").json())[0]

    assert set(item) == {
        "id", "event_id", "outcome", "started_at", "completed_at", "response_status", "response_headers",
        "response_body", "response_error", "event",
    }  # fmt: skip
    assert (item["outcome"], item["response_status"], item["response_error"]) == ("ok", 204, None)
    assert (item["event"], item["event_id"]) == (receiver.bodies[0], receiver.bodies[0]["id"])


def test_deliveries_are_filtered_in_both_spellings_and_paged_by_the_last_id(start, receiver: Receiver):
    # Given two events that arrived, and one that fails and waits an hour
    caller = start(time_scale=0.001)
    path = delivered(caller, receiver, 200, 200, 500)
    until(lambda: len(caller.get(path).json()) == 3)
    # Then each filter finds its own, in both spellings
    for spelling in ("filter", "filters"):
        counts = {
            one: len(caller.get(f"{path}&{spelling}[status]={one}").json())
            for one in ("any", "successful", "failing", "discarded")
        }
        assert counts == {"any": 3, "successful": 2, "failing": 1, "discarded": 0}
    assert [one["outcome"] for one in caller.get(path).json()] == ["ok", "ok", "retried"]
    assert caller.get(path + "&filters[status]=lost").status_code == 400
    # And a page begins behind the last id of the page before
    first = caller.get(path + "&page_size=2").json()
    rest = caller.get(f"{path}&page_size=2&page_start={first[-1]['id']}").json()
    assert [one["id"] for one in [*first, *rest]] == [one["id"] for one in caller.get(path).json()]
    assert caller.get(path + "&page_size=many").status_code == 400
