from __future__ import annotations

import pytest

from tests.simulator.conftest import Caller

RFIS = "/rest/v1.0/projects/{p}/rfis"


def test_without_a_token_there_is_nothing(shared: Caller):
    assert shared.get(RFIS, headers={"Authorization": ""}).status_code == 401
    assert shared.get("/rest/v1.0/nothing", headers={"Authorization": "Bearer no"}).status_code == 401


def test_lenient_takes_the_company_from_the_project(shared: Caller):
    assert shared.get(RFIS, headers={"Procore-Company-Id": None}).status_code == 200


def test_lenient_refuses_a_call_that_names_no_company(shared: Caller):
    answer = shared.get("/rest/v1.0/vendors/1", headers={"Procore-Company-Id": None})

    assert answer.status_code == 400
    assert "Missing Procore-Company-Id header!" in answer.json()["errors"][0]


def test_strict_wants_the_header_on_every_call_but_me_and_companies(start):
    caller = start(profile="strict")
    del caller.headers["Procore-Company-Id"]

    paths = (RFIS, "/rest/v1.0/me", "/rest/v1.0/companies")
    assert [caller.get(path).status_code for path in paths] == [400, 200, 200]


def test_a_company_without_the_app_is_disconnected(shared: Caller):
    answer = shared.get(RFIS, headers={"Procore-Company-Id": "42"})

    assert (answer.status_code, answer.json()) == (403, {"errors": ["App is not connected to this company."]})


def test_a_project_of_another_company_is_not_found(shared: Caller):
    other = list(shared.sim.world.companies)[1]

    assert shared.get(RFIS, headers={"Procore-Company-Id": str(other)}).status_code == 404


@pytest.mark.parametrize("status", [403, 404])
def test_a_removed_project_is_refused_and_leaves_the_list(fresh: Caller, status: int):
    fresh.post("/_sim/faults", json={"name": "project_removed", "project_id": fresh.project, "status": status})

    assert fresh.get(RFIS).status_code == status
    listed = fresh.get("/rest/v1.1/projects?company_id={c}").json()
    assert fresh.project not in [one["id"] for one in listed]
    assert len(listed) == 2


@pytest.mark.parametrize("status", [403, 404])
def test_a_disabled_tool_is_refused_in_its_project_only(fresh: Caller, status: int):
    fault = {"name": "tool_disabled", "resource": "RFIs", "project_id": fresh.project, "status": status}
    fresh.post("/_sim/faults", json=fault)

    assert fresh.get(RFIS).status_code == status
    assert fresh.get("/rest/v1.1/punch_items?project_id={p}").status_code == 200
    other = fresh.sim.world.projects(fresh.company)[1].id
    assert fresh.get(f"/rest/v1.0/projects/{other}/rfis").status_code == 200


def test_errors_come_in_several_shapes(start):
    fault = {"name": "tool_disabled", "resource": "RFIs"}
    answers = []
    for profile in ("lenient", "strict"):
        caller = start(profile=profile)
        caller.post("/_sim/faults", json=fault)
        answers.append(caller.get(RFIS).json())

    assert answers == [{"errors": ["The tool is not enabled."]}, {"reason": "The tool is not enabled.", "error": "Forbidden"}]


def test_me_has_a_name_only_when_a_company_is_given(shared: Caller):
    assert sorted(shared.get("/rest/v1.0/me").json()) == ["id", "login", "name"]
    assert sorted(shared.get("/rest/v1.0/me", headers={"Procore-Company-Id": None}).json()) == ["id", "login"]


def test_each_answer_has_its_own_request_id(shared: Caller):
    first, second = (shared.get("/rest/v1.0/me").headers["X-Request-Id"] for _ in range(2))

    assert first != second


def test_an_unknown_path_is_not_found(shared: Caller):
    assert shared.get("/rest/v1.0/projects/{p}/drawings").status_code == 404
    assert shared.get("/rest/v1.0/projects/{p}/note_logs").status_code == 404
