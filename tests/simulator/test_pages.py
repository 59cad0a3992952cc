"""Pages that are no resource, and the lists that are odd."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.simulator.conftest import Caller

DAILY = "/rest/v1.0/projects/{p}/daily_logs"


def test_the_zone_of_a_company_needs_the_header(shared: Caller):
    assert shared.get("/rest/v1.0/company_base_url").json() == {"zone": "us02", "web_base_url": "https://us02.procore.com"}
    refused = shared.get("/rest/v1.0/company_base_url", headers={"Procore-Company-Id": None})
    assert (refused.status_code, sorted(refused.json()["error"])) == (400, ["code", "message"])


def test_filter_options_are_keys_and_values(shared: Caller):
    people = shared.get("/rest/v1.0/projects/{p}/rfis/filter_options/assignee_id").json()
    states = shared.get("/rest/v1.0/projects/{p}/rfis/filter_options/status").json()

    assert all(isinstance(one["key"], int) and isinstance(one["value"], str) for one in people)
    assert [one["key"] for one in states] == ["closed", "open"]
    assert shared.get("/rest/v1.0/projects/{p}/rfis/filter_options/nonsense").status_code == 404


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("filters[start_date]=2026-01-01&filters[end_date]=2026-04-01", 200),
        ("filters[start_date]=2026-01-01&filters[end_date]=2026-04-02", 400),
        ("filters[start_date]=2026-01-02&filters[end_date]=2026-01-01", 400),
        ("filters[start_date]=2026-01-01", 400),
        ("", 400),
    ],
)
def test_the_umbrella_of_daily_logs_takes_a_range_of_at_most_91_days(shared: Caller, query: str, status: int):
    assert shared.get(f"{DAILY}?{query}").status_code == status


def test_the_umbrella_wants_a_range_and_no_date(shared: Caller):
    answer = shared.get(DAILY + "?filters[date]=2026-01-01")

    assert answer.status_code == 400
    assert "must be a range" in answer.text


def test_the_umbrella_holds_the_approved_logs_of_each_kind(shared: Caller):
    day = shared.get("/rest/v1.0/projects/{p}/manpower_logs").json()[0]["date"]
    logs = shared.get(f"{DAILY}?filters[start_date]={day}&filters[end_date]={day}").json()

    assert {"manpower_logs", "notes_logs", "weather_logs", "delay_logs"} <= set(logs)
    assert {one["status"] for one in logs["manpower_logs"]} == {"approved"}
    assert logs["manpower_logs"] == shared.get(f"/rest/v1.0/projects/{{p}}/manpower_logs?log_date={day}").json()


def test_the_header_of_a_day_is_found_by_date_or_by_id(shared: Caller):
    path = "/rest/v1.0/projects/{p}/daily_log_headers"
    header = shared.get(path + "/index?start_date=2000-01-01&end_date=2100-01-01").json()[0]

    assert shared.get(f"{path}?id={header['id']}").json() == shared.get(f"{path}?date={header['date']}").json() == header
    assert [shared.get(path).status_code, shared.get(path + "?id=1").status_code] == [400, 404]


def test_today_is_the_projects_own_day(start):
    # Given a project in Texas, and a moment that is the next day already in Greenwich
    moment = datetime(2026, 3, 2, 22, 0, tzinfo=ZoneInfo("America/Chicago"))
    caller = start(clock=moment.timestamp)
    path = "/rest/v1.0/projects/{p}/manpower_logs"
    # When a log is made without a date
    made = caller.post(path, json={"manpower_log": {"num_workers": 3}}).json()
    # Then it is of the project's day, and so is the list without dates
    assert made["date"] == "2026-03-02"
    assert [one["id"] for one in caller.get(path).json() if one["date"] != "2026-03-02"] == []
    assert made["id"] in [one["id"] for one in caller.get(path).json()]


def test_budget_rows_carry_the_views_columns_by_name(shared: Caller):
    view = shared.get("/rest/v1.0/budget_views?project_id={p}").json()[0]["id"]
    row = shared.get(f"/rest/v1.0/budget_views/{view}/detail_rows?project_id={{p}}").json()[0]

    assert {"Commitment Purchase Orders", "Cost to Date", "Current Budget", "Forcast To Complete "} <= set(row)


def test_lists_without_pages_ignore_what_is_said_of_pages(shared: Caller):
    path = "/rest/v1.0/folders?project_id={p}"
    whole = shared.get(path)

    assert shared.get(path + "&page=2&per_page=1").json() == whole.json() != []
    assert "Total" not in whole.headers


def test_commitments_are_the_two_kinds_of_contract(shared: Caller):
    ids = {
        one["id"]
        for kind in ("work_order", "purchase_order")
        for one in shared.get(f"/rest/v1.0/{kind}_contracts?project_id={{p}}").json()
    }
    commitments = shared.get("/rest/v1.0/commitments?project_id={p}").json()

    assert {one["id"] for one in commitments} == ids
    assert set(commitments[0]) >= {"title", "number", "status", "executed", "vendor"}


def test_the_roles_of_v2_have_pages_of_a_hundred(shared: Caller):
    assert shared.get("/rest/v2.0/companies/{c}/roles").headers["Per-Page"] == "100"


def test_strict_wants_the_array_form_of_the_rfi_status_filter(start, shared: Caller):
    path = "/rest/v1.0/projects/{p}/rfis?filters[status]"

    assert [start(profile="strict").get(path + form + "=open").status_code for form in ("", "[]")] == [400, 200]
    plain, array = ([one["id"] for one in shared.get(path + form + "=open").json()] for form in ("", "[]"))
    assert plain == array != []
