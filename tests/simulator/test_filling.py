"""Very many records: they are there at once, and every way of reading them agrees."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.conftest import Caller, Receiver

RFIS = "/rest/v1.0/projects/{p}/rfis"
COUNT = 5000


def fill(caller: Caller, **wish: Any) -> Any:
    return caller.post("/_sim/fill", json={"resource": "RFIs", "project_id": caller.project, "count": COUNT} | wish)


def test_the_pages_of_a_filled_list_hold_each_record_once(fresh: Caller):
    made = fill(fresh).json()
    first = fresh.get(RFIS + "?per_page=1000")
    pages = [first.json(), *(fresh.get(f"{RFIS}?per_page=1000&page={page}").json() for page in range(2, 7))]
    ids = [one["id"] for page in pages for one in page]

    assert first.headers["Total"] == str(COUNT + 36) == str(len(ids))
    assert len(set(ids)) == len(ids)
    assert set(range(made["first_id"], made["last_id"] + 1)) <= set(ids)


def test_list_show_and_filters_agree_about_a_filled_record(fresh: Caller):
    number = fill(fresh).json()["first_id"] + 1234
    listed = fresh.get(f"{RFIS}?filters[id][]={number}").json()[0]
    shown = fresh.get(f"{RFIS}/{number}").json()
    moment = listed["updated_at"]

    assert {key: shown[key] for key in ("id", "number", "subject", "status", "created_at", "updated_at")} == {
        key: listed[key] for key in ("id", "number", "subject", "status", "created_at", "updated_at")
    }
    assert number in [one["id"] for one in fresh.get(f"{RFIS}?filters[updated_at]={moment}...{moment}").json()]
    assert fresh.get(f"{RFIS}/{number}").json()["updated_at"] == moment


def test_a_filled_record_can_be_changed_and_removed_like_any_other(fresh: Caller):
    first = fill(fresh).json()["first_id"]
    before = fresh.get(RFIS + "?per_page=1").headers["Total"]

    assert fresh.patch(f"{RFIS}/{first}", json={"rfi": {"subject": "Changed"}}).json()["subject"] == "Changed"
    assert fresh.get(f"{RFIS}?filters[id][]={first}").json()[0]["subject"] == "Changed"
    fresh.delete(f"{RFIS}/{first}")
    assert fresh.get(RFIS + "?per_page=1").headers["Total"] == str(int(before) - 1)
    assert fresh.get(RFIS + "/recycle_bin").json()[0]["id"] == first


def test_nobody_is_told_of_a_filling(fresh: Caller, receiver: Receiver):
    fresh.subscribe(receiver.url, "RFIs create")
    fill(fresh)

    assert fresh.get("/_sim/deliveries").json() == []


def test_logs_and_children_are_filled_too(fresh: Caller):
    fill(fresh, resource="Manpower Logs", count=600)
    fill(fresh, resource="RFI Replies", count=72)
    whole = "/rest/v1.0/projects/{p}/manpower_logs?start_date=2000-01-01&end_date=2100-01-01&per_page=1"
    rfi = fresh.get(RFIS).json()[0]["id"]

    assert int(fresh.get(whole).headers["Total"]) == 43 + 550
    replies = fresh.get(f"{RFIS}/{rfi}/replies").json()
    assert [reply["rfi_id"] for reply in replies] == [rfi] * 3


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"resource": "RFI"}, "no resource 'RFI' to fill"),
        ({"count": 0}, "count is a whole number from 1 to 1000000, not 0"),
        ({"count": "many"}, "not 'many'"),
        ({"project_id": 5}, "There is no project 5. See GET /_sim/state."),
    ],
)
def test_a_wish_that_makes_no_sense_is_answered_with_a_sentence(shared: Caller, wish: dict[str, Any], said: str):
    answer = fill(shared, **wish)

    assert answer.status_code == 400
    assert said in answer.json()["error"]
