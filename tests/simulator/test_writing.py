"""Creates, updates, deletes and bulk upserts, as Procore's reference and its page on sync actions have them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.conftest import Caller, Receiver, until

RFIS = "/rest/v1.0/projects/{p}/rfis"
VENDORS = "/rest/v1.0/vendors"
HOOKED = ("Company Vendors create", "Company Vendors update")


@pytest.mark.parametrize(
    ("path", "word", "fields", "changed"),
    [
        (RFIS, "rfi", {"subject": "Beam pocket"}, {"subject": "Beam pocket, again"}),
        ("/rest/v1.1/projects/{p}/submittals", "submittal", {"title": "Mix design"}, {"title": "Mix design 2"}),
        ("/rest/v1.1/punch_items", "punch_item", {"name": "Loose rail"}, {"priority": "Low"}),
        ("/rest/v1.0/observations/items", "observation", {"name": "Missing guardrail"}, {"status": "closed"}),
        ("/rest/v1.0/projects/{p}/manpower_logs", "manpower_log", {"num_workers": 4, "num_hours": "8.0"}, {"notes": "Rain"}),
        ("/rest/v1.0/projects/{p}/notes_logs", "notes_log", {"comment": "Crane on site"}, {"comment": "Crane gone"}),
        ("/rest/v1.0/cost_codes", "cost_code", {"name": "Rebar", "code": "310"}, {"name": "Rebar, epoxy"}),
        ("/rest/v1.0/locations", "location", {"name": "Level 9"}, {"name": "Level 10"}),
    ],
)
def test_a_record_is_made_changed_and_removed(
    fresh: Caller, path: str, word: str, fields: dict[str, Any], changed: dict[str, Any]
):
    made = fresh.post(path + "?project_id={p}", json={word: fields})
    one = f"{path}/{made.json()['id']}?project_id={{p}}"

    assert made.status_code == 201
    assert fields.items() <= made.json().items()
    assert changed.items() <= fresh.patch(one, json={word: changed}).json().items()
    assert changed.items() <= fresh.get(one).json().items()
    assert [fresh.delete(one).status_code, fresh.get(one).status_code, fresh.delete(one).status_code] == [204, 404, 404]


def test_projects_and_vendors_are_made_in_the_company(fresh: Caller):
    project = fresh.post("/rest/v1.0/projects", json={"company_id": fresh.company, "project": {"name": "Depot"}})
    vendor = fresh.post(VENDORS, json={"company_id": fresh.company, "vendor": {"name": "Delta Steel"}})

    assert (project.status_code, project.json()["name"]) == (201, "Depot")
    assert project.json()["id"] in [one["id"] for one in fresh.get("/rest/v1.1/projects?company_id={c}").json()]
    assert fresh.get(f"{VENDORS}/{vendor.json()['id']}?company_id={{c}}").json()["name"] == "Delta Steel"


def test_ids_of_a_write_become_the_people_and_places_they_name(fresh: Caller):
    person = fresh.get("/rest/v1.3/companies/{c}/users").json()[3]
    place = fresh.get("/rest/v1.0/projects/{p}/locations").json()[0]
    wish = {
        "subject": "Door 9",
        "assignee_ids": [person["id"]],
        "location_id": place["id"],
        "question": {"body": "Which hand?"},
    }
    rfi = fresh.post(RFIS, json={"rfi": wish}).json()

    assert (rfi["assignee"]["name"], rfi["assignees"][0]["id"]) == (person["name"], person["id"])
    assert (rfi["location"]["name"], rfi["location_id"]) == (place["name"], place["id"])
    assert (rfi["questions"][0]["plain_text_body"], rfi["title"]) == ("Which hand?", "Door 9")
    assert fresh.post(RFIS, json={"rfi": wish | {"location_id": 1}}).json() == {"errors": {"location_id": ["is invalid"]}}


def test_a_bad_date_is_stored_as_null_in_silence(fresh: Caller):
    made = fresh.post(RFIS, json={"rfi": {"subject": "Dates", "due_date": "31.12.2026"}})

    assert (made.status_code, made.json()["due_date"]) == (201, None)


@pytest.mark.parametrize("subject", ["", "  ", None, ...])
def test_what_a_record_must_have_is_refused_with_422_when_it_is_blank(shared: Caller, subject: Any):
    answer = shared.post(RFIS, json={"rfi": {} if subject is ... else {"subject": subject}})

    assert (answer.status_code, answer.json()) == (422, {"errors": {"subject": ["can't be blank"]}})


def test_some_logs_need_hours_though_the_reference_calls_them_optional(fresh: Caller):
    path = "/rest/v1.0/projects/{p}/delivery_logs"
    refused = fresh.post(path, json={"delivery_log": {"contents": "Rebar"}})
    made = fresh.post(path, json={"delivery_log": {"contents": "Rebar", "time_hour": 9, "time_minute": 30}})

    assert (refused.status_code, sorted(refused.json()["errors"]), made.status_code) == (422, ["time_hour", "time_minute"], 201)


def test_malformed_json_is_400_and_another_content_type_406(shared: Caller):
    headers = {"Content-Type": "application/json"}

    assert shared.post(RFIS, data="{", headers=headers).json() == {"code": 400, "message": "Bad Request", "fields": {}}
    assert shared.post(RFIS, data="<rfi/>", headers={"Content-Type": "application/xml"}).status_code == 406


def test_a_form_is_understood_as_well_as_json(fresh: Caller):
    assert fresh.post(RFIS, data={"rfi[subject]": "By form"}).json()["subject"] == "By form"


def test_strict_refuses_a_field_that_the_resource_does_not_have(start):
    strict = start(profile="strict")
    answer = strict.post(RFIS, json={"rfi": {"subject": "x", "subjct": "y"}})

    assert (answer.status_code, answer.json()["fields"]) == (406, {"subjct": ["is unknown"]})
    assert strict.post(RFIS, json={"rfi": {"subject": "x", "assignee_ids": [], "custom_field_9": "z"}}).status_code == 201


def test_v2_spells_its_errors_in_its_own_shape(shared: Caller):
    v2 = "/rest/v2.0/companies/{c}/projects/{p}/coordination_issues"

    assert shared.get(v2 + "/1").json()["error"]["code"] == "NOT_FOUND"
    detail = shared.post(v2, json={"name": " "}).json()["error"]["details"][0]
    assert detail == {"reason_code": "INVALID", "message": "can't be blank", "source": "name"}


def test_a_file_name_is_taken_once(fresh: Caller):
    path, wish = "/rest/v1.0/files?project_id={p}", {"file": {"name": "plan.pdf"}}
    first, second = (fresh.post(path, json=wish) for _ in range(2))

    assert (first.status_code, second.status_code) == (201, 409)
    assert second.json()["file"]["id"] == first.json()["id"]
    assert "error_type" in second.json()


# Sync actions: what is supplied, whether it is found, and what becomes of it.


def sync(caller: Caller, *updates: dict[str, Any]) -> Any:
    return caller.patch(VENDORS + "/sync", json={"company_id": caller.company, "updates": list(updates)})


def test_neither_id_nor_origin_id_creates(fresh: Caller):
    answer = sync(fresh, {"name": "One"}, {"name": "Two"})

    assert [one["name"] for one in answer.json()["entities"]] == ["One", "Two"]
    assert answer.json()["errors"] == []


def test_an_id_updates_and_an_unknown_one_is_an_entry_among_the_errors(fresh: Caller):
    known = fresh.get(VENDORS + "?company_id={c}").json()[0]["id"]
    answer = sync(fresh, {"id": known, "name": "Renamed"}, {"id": 1, "name": "Nobody"})

    assert answer.status_code == 200
    assert [(one["id"], one["name"]) for one in answer.json()["entities"]] == [(known, "Renamed")]
    assert answer.json()["errors"] == [{"id": 1, "name": "Nobody", "errors": {"id": ["Entity with this ID not found"]}}]


def test_an_origin_id_creates_the_first_time_and_updates_the_next(fresh: Caller):
    first = sync(fresh, {"origin_id": "ERP-7", "name": "Seven"}).json()["entities"][0]
    second = sync(fresh, {"origin_id": "ERP-7", "name": "Seven Ltd"}).json()["entities"][0]

    assert (second["id"], second["name"], second["origin_id"]) == (first["id"], "Seven Ltd", "ERP-7")


def test_with_both_the_id_finds_and_the_origin_id_may_change(fresh: Caller):
    first = sync(fresh, {"origin_id": "ERP-7", "name": "Seven"}).json()["entities"][0]
    second = sync(fresh, {"id": first["id"], "origin_id": "ERP-8"}).json()["entities"][0]

    assert (second["id"], second["origin_id"]) == (first["id"], "ERP-8")


def test_an_origin_id_belongs_to_one_record_of_the_company(fresh: Caller):
    sync(fresh, {"origin_id": "ERP-7", "name": "Seven"})
    other = sync(fresh, {"name": "Eight"}).json()["entities"][0]["id"]
    wish = {"vendor": {"origin_id": "ERP-7"}, "company_id": fresh.company}

    assert sync(fresh, {"id": other, "origin_id": "ERP-7"}).json()["errors"][0]["errors"] == {
        "origin_id": ["has already been taken"]
    }
    assert fresh.patch(f"{VENDORS}/{other}", json=wish).status_code == 422


def test_more_than_a_thousand_are_refused(fresh: Caller):
    before = len(fresh.get(VENDORS + "?company_id={c}").json())

    assert sync(fresh, *[{"name": f"v{n}"} for n in range(1001)]).status_code == 400
    assert len(fresh.get(VENDORS + "?company_id={c}").json()) == before


def test_each_record_of_a_sync_raises_its_event(fresh: Caller, receiver: Receiver):
    fresh.subscribe(receiver.url, *HOOKED, scope="")
    known = fresh.get(VENDORS + "?company_id={c}").json()[0]["id"]
    made = sync(fresh, {"id": known, "name": "Renamed"}, {"name": "New"}, {"id": 1}).json()["entities"]

    until(lambda: len(receiver.bodies) == 2)
    seen = {(one["reason"], one["resource_id"]) for one in receiver.bodies}
    assert seen == {("update", str(known)), ("create", str(made[1]["id"]))}


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/rest/v1.0/projects/sync", "company_id"),
        ("/rest/v1.3/companies/{c}/users/sync", ""),
        ("/rest/v1.0/cost_codes/sync", "project_id"),
        ("/rest/v1.0/tasks/sync", "project_id"),
        ("/rest/v1.0/projects/{p}/direct_costs/sync", ""),
        ("/rest/v1.0/tax_codes/sync", "company_id"),
    ],
)
def test_other_resources_are_synced_at_their_own_paths(fresh: Caller, path: str, scope: str):
    ids = {"company_id": fresh.company, "project_id": fresh.project}
    named = {scope: ids[scope]} if scope else {}

    assert len(fresh.patch(path, json=named | {"updates": [{"name": "A"}, {"name": "B"}]}).json()["entities"]) == 2
