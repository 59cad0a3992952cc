from __future__ import annotations

import re
from pathlib import Path

import pytest

from simulator.endpoint import MADE_OF
from simulator.seeding import PARENTS
from simulator.table import ROWS
from tests.simulator.conftest import Caller

_PARAGRAPHS = (Path(__file__).parent / "keys.txt").read_text("utf-8").split("\n\n")[1:]
KEYS = {name: set(keys.split()) for name, keys in (text.split("\n", 1) for text in _PARAGRAPHS)}
LISTS = {
    "Projects": "/rest/v1.1/projects?company_id={c}",
    "Company Users": "/rest/v1.3/companies/{c}/users",
    "Company Vendors": "/rest/v1.0/vendors?company_id={c}",
    "RFIs": "/rest/v1.0/projects/{p}/rfis",
    "Submittals": "/rest/v1.1/projects/{p}/submittals",
    "Punch Items": "/rest/v1.1/punch_items?project_id={p}",
    "Observation Items": "/rest/v1.0/observations/items?project_id={p}",
    "Change Events": "/rest/v1.0/change_events?project_id={p}",
    "Manpower Logs": "/rest/v1.0/projects/{p}/manpower_logs",
    "Work Order Contracts": "/rest/v1.0/work_order_contracts?project_id={p}",
}


def show_of(name: str, record_id: int) -> str:
    path = next(route.path for route in ROWS[name].routes if route.kind == "show")
    path = path.replace("{project_id}", "{p}").replace("{company_id}", "{c}")
    return re.sub(r"{\w{2,}}", str(record_id), path) + "?project_id={p}"


def first_id(caller: Caller, name: str) -> int:
    return int(caller.get(LISTS[name]).json()[0]["id"])


@pytest.mark.parametrize("name", list(LISTS))
def test_a_record_is_shown_with_the_keys_of_a_real_one(shared: Caller, name: str):
    path = show_of(name, first_id(shared, name))
    if name == "Change Events":
        path = path.replace("v1.1", "v1.0")
    body = shared.get(path).json()

    assert KEYS[name] - set(body) == set()


def test_ids_are_beyond_32_bits_and_exact_in_json_numbers(shared: Caller):
    ids = [body["id"] for path in LISTS.values() for body in shared.get(path).json()]

    assert min(ids) > 2**32
    assert max(ids) < 2**53


def test_the_same_seed_gives_the_same_records_and_another_seed_others(shared: Caller, start):
    path = "/rest/v1.1/punch_items?project_id={p}"
    same, other = start(seed=7), start(seed=8)

    assert same.get(path).json() == shared.get(path).json()
    assert {one["id"] for one in other.get(path).json()}.isdisjoint(one["id"] for one in shared.get(path).json())


def test_the_same_seed_gives_the_same_ids_to_what_is_made_later(start):
    wish = {"resource": "RFIs", "verb": "create", "count": 2}
    first, second = (start(seed=7).post("/_sim/change", json=wish).json()["ids"] for _ in range(2))

    assert first == second


def test_records_refer_to_people_vendors_and_places_that_exist(shared: Caller):
    users = {one["id"] for one in shared.get(LISTS["Company Users"]).json()}
    vendors = {one["id"] for one in shared.get(LISTS["Company Vendors"]).json()}
    places = {one["id"] for one in shared.get("/rest/v1.0/projects/{p}/locations").json()}
    sections = {one["id"] for one in shared.get("/rest/v1.0/specification_sections?project_id={p}").json()}

    for rfi in shared.get(LISTS["RFIs"]).json():
        assert rfi["assignee"]["id"] in users
        assert rfi["responsible_contractor"]["id"] in vendors
        assert rfi["location"]["id"] == rfi["location_id"]
        assert rfi["location_id"] in places
        assert rfi["specification_section"]["id"] in sections


def test_money_is_text(shared: Caller):
    contract = shared.get(LISTS["Work Order Contracts"]).json()[0]

    assert re.fullmatch(r"\d+\.\d\d", contract["grand_total"])
    assert isinstance(shared.get(LISTS["Manpower Logs"]).json()[0]["num_hours"], str)


def test_attachment_addresses_differ_at_each_read_and_can_be_read(shared: Caller):
    path = show_of("RFIs", first_id(shared, "RFIs"))
    first, second = (shared.get(path).json()["questions"][0]["attachments"][0]["url"] for _ in range(2))

    assert first != second
    assert first.startswith(shared.sim.url)
    assert shared.get(first.removeprefix(shared.sim.url)).content.startswith(b"%PDF")


def test_the_rfi_list_is_thinner_than_show(shared: Caller):
    listed = shared.get(LISTS["RFIs"]).json()[0]
    shown = shared.get(show_of("RFIs", listed["id"])).json()

    assert {"distribution_list", "draft", "drawing_ids", "drawing_number", "title", "accepted"} <= set(shown) - set(listed)


def test_an_older_or_newer_version_answers_in_its_own_shape(shared: Caller):
    rfi = shared.get(show_of("RFIs", first_id(shared, "RFIs")).replace("v1.0", "v1.1")).json()
    assert "question" in rfi
    assert "questions" not in rfi

    event = shared.get("/rest/v1.1/change_events?project_id={p}").json()[0]
    assert isinstance(event["number"], str)
    assert sorted(event["status"]) == ["id", "mapped_to_status", "name"]


def test_v2_has_an_envelope_and_ids_are_text(shared: Caller):
    answer = shared.get("/rest/v2.0/companies/{c}/projects/{p}/submittals")
    body = answer.json()

    assert answer.headers["Per-Page"] == "10"
    assert len(body["data"]) == 10
    assert isinstance(body["data"][0]["id"], str)
    assert isinstance(body["data"][0]["created_by"]["id"], str)


def test_meetings_are_grouped(shared: Caller):
    groups = shared.get("/rest/v1.1/projects/{p}/meetings").json()

    assert all(sorted(group) == ["group_title", "meetings"] for group in groups)
    assert sum(len(group["meetings"]) for group in groups) == 12


def test_every_list_of_the_table_answers(shared: Caller):
    """What a list needs besides its project is the id of a parent that exists."""
    for row in ROWS.values():
        for route in row.routes:
            if route.kind not in ("list", "bin", "inactive"):
                continue
            parent = shared.sim.world.shelves.of(PARENTS[row.name], shared.project)[0].id if row.name in PARENTS else 1
            scope = {"project_id": "{p}", "company_id": "{c}"}
            query = "&".join(f"{name}={scope.get(name, parent)}" for name in route.required)
            path = route.path.replace("{project_id}", "{p}").replace("{company_id}", "{c}")
            path = re.sub(r"{\w{2,}}", str(parent), path)
            answer = shared.get(f"{path}?{query}")
            assert answer.status_code == 200, (row.name, route.path, answer.text[:200])


def test_records_of_unknown_shape_say_so(shared: Caller):
    incident = shared.get("/rest/v1.0/projects/{p}/incidents").json()[0]

    assert incident["x_invented"] is True
    assert {"id", "title", "status", "created_at", "updated_at", "project_id"} <= set(incident)


def test_a_query_that_the_list_needs_is_asked_for(shared: Caller):
    answer = shared.get("/rest/v1.1/punch_items")

    assert answer.status_code == 400
    assert "project_id" in answer.text


def test_children_are_listed_under_their_parent_only(shared: Caller):
    rfis = [one["id"] for one in shared.get(LISTS["RFIs"]).json()]
    replies = [shared.get(f"/rest/v1.0/projects/{{p}}/rfis/{rfi}/replies").json() for rfi in rfis[:7]]

    assert [len(found) for found in replies] == [1, 1, 1, 1, 1, 1, 0]


def test_daily_logs_are_of_today_unless_asked_and_approved_only(shared: Caller):
    path = "/rest/v1.0/projects/{p}/manpower_logs"
    today = shared.get(path).json()
    day = today[0]["date"]

    assert {one["date"] for one in today} == {day}
    assert shared.get(f"{path}?log_date={day}").json() == today
    month = shared.get(f"{path}?start_date=2020-01-01&end_date=2100-01-01").json()
    assert len(month) == 43
    assert {one["status"] for one in month} == {"approved"}


def test_the_sandbox_project_holds_what_the_developer_sandbox_holds(shared: Caller):
    sandbox = next(one for one in shared.get(LISTS["Projects"]).json() if "Sandbox" in one["name"])
    root = f"/rest/v1.0/projects/{sandbox['id']}"

    assert len(shared.get(f"{root}/rfis").json()) == 1
    users = shared.get(f"{root}/users").json()
    assert [one["name"] for one in users] == ["Test Architect", "Test Subcontractor", "API Support"]
    assert len(shared.get(f"/rest/v1.0/tasks?project_id={sandbox['id']}").json()) == 8


def test_every_resource_with_a_show_path_shows_what_it_has(shared: Caller):
    for row in ROWS.values():
        scope = shared.project if row.of_project else shared.company
        for route in (one for one in row.routes if one.kind == "show"):
            record = shared.sim.world.shelves.of(MADE_OF.get(row.name, (row.name,))[0], scope)[0]
            path = route.path.replace("{project_id}", "{p}").replace("{company_id}", "{c}")
            path = path.replace("{" + str(route.own_id) + "}", str(record.id))
            path = re.sub(r"{\w{2,}}", str(record.parent_id or 1), path)
            answer = shared.get(path + "?project_id={p}")
            assert answer.status_code == 200, (row.name, path, answer.text[:200])


def test_writes_create_change_and_remove(fresh: Caller):
    path = "/rest/v1.1/punch_items"
    made = fresh.post(path, json={"project_id": fresh.project, "punch_item": {"name": "Loose rail"}})
    one = f"{path}/{made.json()['id']}?project_id={{p}}"
    changed = fresh.patch(one, json={"punch_item": {"priority": "Low"}})

    assert (made.status_code, made.json()["name"]) == (201, "Loose rail")
    assert (changed.status_code, changed.json()["priority"]) == (200, "Low")
    assert [fresh.delete(one).status_code, fresh.get(one).status_code] == [204, 404]
    assert fresh.post(path, json={"project_id": fresh.project, "punch_item": {"name": ""}}).status_code == 422
    assert fresh.post(path + "?project_id={p}", data="{", headers={"Content-Type": "application/json"}).status_code == 400
