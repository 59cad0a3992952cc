from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

import pytest
import requests

from simulator.faultnames import FAULTS
from tests.simulator.conftest import Caller, Receiver, until

RFIS = "/rest/v1.0/projects/{p}/rfis"
ME = "/rest/v1.0/me"


def fault(caller: Caller, name: str, **fields: object) -> None:
    answer = caller.post("/_sim/faults", json={"name": name, **fields})
    assert answer.status_code == 200, answer.text


def test_an_unknown_fault_is_refused_with_all_names(shared: Caller):
    answer = shared.post("/_sim/faults", json={"name": "gremlin"})

    assert answer.status_code == 400
    assert all(name in answer.json()["error"] for name in FAULTS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"colour": 1},
        {"for_s": "long"},
        {"for_s": -1},
        {"count": 0},
        {"count": True},
        {"seconds": "two"},
        {"share": 0},
        {"share": 2},
        {"name": "outage", "mode": "sideways"},
        {"name": "drop", "resource": "RFI"},
        {"name": "drop", "verb": "explode"},
        {"name": "drop", "path": "/rfis"},
        {"name": "duplicate", "times": 1},
        {"name": "duplicate", "same_id": "no"},
        {"name": "read_lag", "count": 1},
        {"name": "secret_reset", "count": 1},
        {"name": "project_removed", "status": 500},
        {"name": "project_removed", "project_id": 1},
        {"name": "app_uninstalled", "company_id": 1},
        {"name": "rate_limit_429", "body": "song"},
    ],
)
def test_a_wrong_field_of_a_fault_is_refused_with_a_sentence(shared: Caller, wrong: dict[str, object]):
    answer = shared.post("/_sim/faults", json={"name": "slow"} | wrong)

    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")


@pytest.mark.parametrize(("name", "status"), [("outage", 503), ("error_500", 500), ("error_502_html", 502)])
def test_calls_fail_while_the_fault_holds(fresh: Caller, name: str, status: int):
    fault(fresh, name)
    assert [fresh.get(path).status_code for path in (ME, RFIS)] == [status, status]
    assert [one["name"] for one in fresh.get("/_sim/faults").json()["active"]] == [name]

    fresh.delete("/_sim/faults")
    assert fresh.get(ME).status_code == 200


def test_a_fault_ends_by_itself(fresh: Caller):
    fault(fresh, "error_500", for_s=0.2)

    assert fresh.get(ME).status_code == 500
    until(lambda: fresh.get(ME).status_code == 200)


def test_a_fault_can_be_for_some_calls_of_some_paths(fresh: Caller):
    fault(fresh, "error_500", count=2, path="/rfis")

    assert fresh.get(ME).status_code == 200
    assert [fresh.get(RFIS).status_code for _ in range(3)] == [500, 500, 200]


def test_a_gateway_page_is_html(fresh: Caller):
    fault(fresh, "error_502_html", count=1)
    answer = fresh.get(ME)

    assert answer.headers["Content-Type"].startswith("text/html")
    assert "502 Bad Gateway" in answer.text


def test_an_outage_can_reset_the_connection(fresh: Caller):
    fault(fresh, "outage", mode="reset", count=1)

    with pytest.raises(requests.ConnectionError):
        fresh.get(ME)
    assert fresh.get(ME).status_code == 200


def test_a_truncated_answer_ends_early(fresh: Caller):
    fault(fresh, "truncated", count=1)

    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        fresh.get(RFIS)
    assert fresh.get(RFIS).status_code == 200


def test_slow_answers_are_late(fresh: Caller):
    fault(fresh, "slow", seconds=0.2, count=1)
    begin = time.monotonic()
    fresh.get(ME)

    assert time.monotonic() - begin >= 0.2


def test_revoked_tokens_are_dead_and_new_ones_live(fresh: Caller):
    fault(fresh, "token_revoked")
    assert fresh.get(ME).status_code == 401

    assert fresh.sign_in().get(ME).status_code == 200


def test_tokens_can_be_refused_for_some_calls(fresh: Caller):
    fault(fresh, "token_revoked", count=2)
    fresh.sign_in()

    assert [fresh.get(ME).status_code for _ in range(3)] == [401, 401, 200]


def test_a_reset_secret_is_told_in_the_state(fresh: Caller):
    before = fresh.get("/_sim/state").json()["client_secret"]
    fault(fresh, "secret_reset")

    assert fresh.get(ME).status_code == 401
    assert fresh.get("/_sim/state").json()["client_secret"] != before
    assert fresh.sign_in().get(ME).status_code == 200


def test_an_uninstalled_app_is_disconnected_until_the_fault_ends(fresh: Caller):
    fault(fresh, "app_uninstalled", company_id=fresh.company)
    answer = fresh.get(RFIS)
    assert (answer.status_code, answer.json()) == (403, {"errors": ["App is not connected to this company."]})
    assert fresh.company not in [one["id"] for one in fresh.get("/rest/v1.0/companies").json()]

    fresh.delete("/_sim/faults?name=app_uninstalled")
    assert fresh.get(RFIS).status_code == 200


def test_a_lag_shows_the_record_as_it_was(fresh: Caller):
    fault(fresh, "read_lag", seconds=0.3)
    change = {"resource": "RFIs", "verb": "update", "fields": {"subject": "New"}}
    changed = fresh.post("/_sim/change", json=change).json()["ids"][0]
    made = fresh.post("/_sim/change", json={"resource": "RFIs", "verb": "create"}).json()["ids"][0]

    assert fresh.get(f"{RFIS}/{changed}").json()["subject"] != "New"
    assert fresh.get(f"{RFIS}/{made}").status_code == 404
    assert len(fresh.get(RFIS).json()) == 36
    until(lambda: fresh.get(f"{RFIS}/{changed}").json()["subject"] == "New")
    until(lambda: fresh.get(f"{RFIS}/{made}").status_code == 200)


def send(caller: Caller, receiver: Receiver, count: int) -> list[int]:
    caller.subscribe(receiver.url, "RFIs update")
    wish = {"resource": "RFIs", "verb": "update", "count": count}
    return list(caller.post("/_sim/change", json=wish).json()["ids"])


def test_duplicates_carry_the_same_event(fresh: Caller, receiver: Receiver):
    fault(fresh, "duplicate", times=3)
    send(fresh, receiver, 1)

    until(lambda: len(receiver.bodies) == 3)
    assert len({one["id"] for one in receiver.bodies}) == 1


def test_dropped_events_never_arrive(fresh: Caller, receiver: Receiver):
    fault(fresh, "drop", count=2)
    ids = send(fresh, receiver, 3)

    assert int(until(lambda: receiver.bodies)[0]["resource_id"]) == ids[2]
    assert len(fresh.get("/_sim/deliveries").json()) == 1


def test_reordered_events_all_arrive(fresh: Caller, receiver: Receiver):
    fault(fresh, "reorder")
    ids = send(fresh, receiver, 5)

    until(lambda: len(receiver.bodies) == 5)
    assert [int(one["resource_id"]) for one in receiver.bodies] == [ids[1], ids[0], ids[3], ids[2], ids[4]]


def test_a_paused_sender_sends_later(fresh: Caller, receiver: Receiver):
    fault(fresh, "sender_pause")
    send(fresh, receiver, 2)
    time.sleep(0.1)
    assert receiver.bodies == []

    fresh.delete("/_sim/faults")
    until(lambda: len(receiver.bodies) == 2)


def test_copies_can_have_ids_of_their_own_and_come_within_some_seconds(fresh: Caller, receiver: Receiver):
    fault(fresh, "duplicate", times=3, within_s=1.0, same_id=False)
    send(fresh, receiver, 1)

    until(lambda: len(receiver.bodies) == 3)
    assert len({one["id"] for one in receiver.bodies}) == 3
    assert len({one["resource_id"] for one in receiver.bodies}) == 1
    assert receiver.times[2] - receiver.times[0] >= 0.3  # the first may arrive late on a busy machine


def test_only_the_events_that_a_fault_names_are_lost(fresh: Caller, receiver: Receiver):
    fresh.subscribe(receiver.url, "RFIs update", "RFIs delete", "Meetings delete")
    fault(fresh, "drop", resource="rfis", verb="delete", project_id=fresh.project)
    for resource, verb in (("RFIs", "delete"), ("RFIs", "update"), ("Meetings", "delete")):
        fresh.post("/_sim/change", json={"resource": resource, "verb": verb})

    until(lambda: len(receiver.bodies) == 2)
    assert [(one["resource_type"], one["reason"]) for one in receiver.bodies] == [("RFIs", "update"), ("Meetings", "delete")]


def test_a_share_of_events_is_lost_and_always_the_same_ones(start, receiver: Receiver):
    lost = []
    for _ in range(2):
        caller = start()
        fault(caller, "drop", share=0.5)
        ids = send(caller, receiver, 60)
        kept = [one["resource_id"] for one in caller.get("/_sim/deliveries").json()]
        lost.append([number for number in ids if number not in kept])
    assert lost[0] == lost[1]
    assert 15 < len(lost[0]) < 45


def test_a_late_event_is_overtaken(fresh: Caller, receiver: Receiver):
    fresh.subscribe(receiver.url, "RFIs create", "RFIs update")
    fault(fresh, "delay", seconds=0.2, verb="create")
    made = fresh.post("/_sim/change", json={"resource": "RFIs", "verb": "create"}).json()["ids"][0]
    fresh.post("/_sim/change", json={"resource": "RFIs", "verb": "update", "id": made})

    until(lambda: len(receiver.bodies) == 2)
    assert [one["reason"] for one in receiver.bodies] == ["update", "create"]


def test_the_last_event_comes_although_nothing_overtakes_it(fresh: Caller, receiver: Receiver):
    fault(fresh, "reorder")
    send(fresh, receiver, 1)

    assert fresh.get("/_sim/state").json()["hooks"][0]["waiting"] == 1
    until(lambda: len(receiver.bodies) == 1)


def test_an_unreachable_receiver_of_one_project_is_no_trouble_for_the_company(fresh: Caller, receiver: Receiver):
    fault(fresh, "unreachable", project_id=fresh.project)
    send(fresh, receiver, 1)
    fresh.subscribe(receiver.url, "Company Vendors update", scope="")
    fresh.post("/_sim/change", json={"resource": "Company Vendors", "verb": "update"})

    assert until(lambda: receiver.bodies)[0]["resource_type"] == "Company Vendors"
    fresh.delete("/_sim/faults/unreachable")
    until(lambda: len(receiver.bodies) == 2)


def test_a_pause_of_the_sender_can_end_by_itself(fresh: Caller, receiver: Receiver):
    fault(fresh, "sender_pause", for_s=0.2)
    send(fresh, receiver, 2)

    assert receiver.bodies == []
    until(lambda: len(receiver.bodies) == 2)


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_the_clock_of_procore_can_be_off(fresh: Caller, seconds: int):
    fault(fresh, "clock_skew", seconds=seconds)
    answer = fresh.get(ME)

    told = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    assert abs(told - time.time() - seconds) < 60
    assert abs(int(answer.headers["X-Rate-Limit-Reset"]) - told) < 3600
    fresh.delete("/_sim/faults/clock_skew")
    assert abs(parsedate_to_datetime(fresh.get(ME).headers["Date"]).timestamp() - time.time()) < 60


def test_one_of_several_faults_is_taken_away_by_its_number(fresh: Caller):
    fault(fresh, "error_500", path="/me")
    fault(fresh, "error_500", path="/rfis")
    second = fresh.get("/_sim/faults").json()["active"][1]["id"]
    fresh.delete(f"/_sim/faults?id={second}")

    assert [fresh.get(path).status_code for path in (ME, RFIS)] == [500, 200]
    assert fresh.delete("/_sim/faults/gremlin").status_code == 400


def test_a_disabled_tool_is_403_or_404_and_the_others_answer(fresh: Caller):
    fault(fresh, "tool_disabled", resource="rfis", project_id=fresh.project, status=404)

    assert fresh.get(RFIS).status_code == 404
    assert fresh.get("/rest/v1.1/projects/{p}/submittals").status_code == 200


def test_hooks_can_be_disabled_at_once(fresh: Caller, receiver: Receiver):
    fresh.subscribe(receiver.url, "RFIs update")
    fault(fresh, "hooks_disabled", project_id=fresh.project)

    assert [one["status"] for one in fresh.get("/_sim/state").json()["hooks"]] == ["disabled"]


def test_hooks_can_vanish(fresh: Caller, receiver: Receiver):
    fresh.subscribe(receiver.url, "RFIs update")
    fault(fresh, "hooks_deleted")

    assert fresh.get("/rest/v2.0/companies/{c}/projects/{p}/webhooks/hooks").json() == {"data": []}
