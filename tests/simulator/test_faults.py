from __future__ import annotations

import time

import pytest
import requests

from simulator.faults import FAULTS
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


@pytest.mark.parametrize("wrong", [{"colour": 1}, {"for_s": "long"}, {"count": 0}, {"seconds": "two"}])
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


def test_hooks_can_vanish(fresh: Caller, receiver: Receiver):
    fresh.subscribe(receiver.url, "RFIs update")
    fault(fresh, "hooks_deleted")

    assert fresh.get("/rest/v2.0/companies/{c}/projects/{p}/webhooks/hooks").json() == {"data": []}
