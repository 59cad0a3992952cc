from __future__ import annotations

import re
import socket
import threading
import time
from pathlib import Path

import pytest

from tests.simulator.conftest import Caller, Receiver, until

CLASSIC = ["id", "ulid", "timestamp", "metadata", "user_id", "company_id", "project_id", "api_version"]
CLASSIC += ["event_type", "resource_name", "resource_id"]
V4 = ["id", "timestamp", "reason", "company_id", "project_id", "user_id", "resource_type", "resource_id", "payload_version"]


def change(caller: Caller, resource: str = "RFIs", verb: str = "update", **other: object) -> list[int]:
    answer = caller.post("/_sim/change", json={"resource": resource, "verb": verb, **other})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["ids"])


def statuses(caller: Caller) -> list[str]:
    return [one["status"] for one in caller.get("/_sim/deliveries").json()]


def test_a_v4_payload_has_the_documented_keys_and_text_ids(fresh: Caller, receiver: Receiver):
    fresh.subscribe(receiver.url, "RFIs update")
    changed = change(fresh)[0]
    body = until(lambda: receiver.bodies)[0]

    assert sorted(body) == sorted(V4)
    assert re.fullmatch("[0-9A-HJKMNP-TV-Z]{26}", body["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", body["timestamp"])
    assert (body["reason"], body["resource_type"], body["resource_id"]) == ("update", "RFIs", str(changed))
    assert (body["company_id"], body["project_id"]) == (str(fresh.company), str(fresh.project))


def test_a_v2_payload_has_the_documented_keys_and_numbers(fresh: Caller, receiver: Receiver):
    fresh.subscribe(receiver.url, "RFIs update", version="v2.0")
    changed = change(fresh)[0]
    body = until(lambda: receiver.bodies)[0]

    assert sorted(body) == sorted(CLASSIC)
    assert sorted(body["metadata"]) == sorted(
        f"source_{name}_id" for name in ("user", "project", "operation", "company", "application")
    )
    assert (body["event_type"], body["resource_name"], body["resource_id"]) == ("update", "RFIs", changed)
    assert body["metadata"]["source_application_id"] is None


def test_a_v3_payload_names_the_parent_of_a_line_item(fresh: Caller, receiver: Receiver):
    fresh.subscribe(receiver.url, "RFIs update", "Work Order Contract Line Items update", version="v3.0")
    change(fresh)
    line = change(fresh, "Work Order Contract Line Items")[0]
    until(lambda: len(receiver.bodies) == 2)

    assert receiver.bodies[0]["related_resources"] == []
    (related,) = receiver.bodies[1]["related_resources"]
    listed = f"/rest/v1.0/work_order_contracts/{related['id']}/line_items?project_id={{p}}"
    assert (related["name"], receiver.bodies[1]["api_version"]) == ("Work Order Contracts", "v3.0")
    assert line in [one["id"] for one in fresh.get(listed).json()]


def test_a_v3_payload_names_no_parent_of_anything_else(fresh: Caller, receiver: Receiver):
    fresh.subscribe(receiver.url, "RFI Replies create", version="v3.0")
    change(fresh, "RFI Replies", "create")

    assert until(lambda: receiver.bodies)[0]["related_resources"] == []


def test_a_new_project_has_an_empty_project_id_in_v4_and_its_own_on_the_update_that_follows(fresh: Caller, receiver: Receiver):
    fresh.subscribe(receiver.url, "Projects create", "Projects update", scope="")
    project = change(fresh, "Projects", "create")[0]
    change(fresh, "Projects", "update", id=project)
    until(lambda: len(receiver.bodies) == 2)

    assert [(one["resource_id"], one["project_id"]) for one in receiver.bodies] == [
        (str(project), ""),
        (str(project), str(project)),
    ]


@pytest.mark.parametrize(("version", "empty"), [("v2.0", None), ("v4.0", "")])
def test_a_company_event_has_no_project(fresh: Caller, receiver: Receiver, version: str, empty: object):
    fresh.subscribe(receiver.url, "Company Vendors update", version=version, scope="")
    change(fresh, "Company Vendors")

    assert until(lambda: receiver.bodies)[0]["project_id"] == empty


def test_a_delivery_carries_the_headers_of_its_hook_and_its_type(fresh: Caller, receiver: Receiver):
    fresh.subscribe(receiver.url, "RFIs update")
    change(fresh)
    until(lambda: receiver.bodies)

    assert receiver.headers[0]["Authorization"] == "Bearer s3cr3t-abcde"
    assert receiver.headers[0]["Content-Type"] == "application/json"
    assert "User-Agent" not in receiver.headers[0]


def test_only_what_a_trigger_names_is_sent(fresh: Caller, receiver: Receiver):
    fresh.subscribe(receiver.url, "RFIs update")
    change(fresh, verb="create")
    change(fresh, "Punch Items")
    other = fresh.sim.world.projects(fresh.company)[1].id
    change(fresh, project_id=other)
    wanted = change(fresh)

    until(lambda: receiver.bodies)
    time.sleep(0.05)
    assert [int(one["resource_id"]) for one in receiver.bodies] == wanted


def test_own_writes_are_marked_with_the_application(fresh: Caller, receiver: Receiver):
    fresh.subscribe(receiver.url, "RFIs create", version="v2.0")
    answer = fresh.post("/rest/v1.0/projects/{p}/rfis", json={"rfi": {"subject": "Roof slope"}})
    assert (answer.status_code, answer.json()["subject"]) == (201, "Roof slope")

    body = until(lambda: receiver.bodies)[0]
    assert body["metadata"]["source_application_id"] == fresh.sim.world.tokens.client_id
    assert body["resource_id"] == answer.json()["id"]


def test_a_failed_delivery_is_sent_again_with_growing_pauses(start, receiver: Receiver):
    caller = start(time_scale=20)
    caller.subscribe(receiver.url, "RFIs update")
    receiver.statuses = [500, 404, 302]
    change(caller)
    until(lambda: len(receiver.bodies) == 4)

    # The same event, after 1, 2 and 4 seconds, each a twentieth of that here; a redirect is a failure
    assert len({one["id"] for one in receiver.bodies}) == 1
    pauses = [later - earlier for earlier, later in zip(receiver.times, receiver.times[1:], strict=False)]
    assert pauses == sorted(pauses)
    assert 0.05 <= pauses[0] < 0.1 <= pauses[1] < 0.2 <= pauses[2]
    until(lambda: statuses(caller) == ["delivered"])
    attempts = caller.get("/_sim/deliveries").json()[0]["delivery_attempts"]
    assert [one["response_status"] for one in attempts] == [500, 404, 302, 204]


def test_later_events_wait_behind_a_failing_one_and_keep_their_order(start, receiver: Receiver):
    caller = start(time_scale=10)
    caller.subscribe(receiver.url, "RFIs update")
    receiver.statuses = [500, 500]
    wanted = change(caller, count=3)
    until(lambda: receiver.bodies)
    assert set(statuses(caller)[1:]) == {"enqueued"}

    until(lambda: len(receiver.bodies) == 5)
    assert [int(one["resource_id"]) for one in receiver.bodies] == [wanted[0], wanted[0], *wanted]


def test_after_twelve_hours_of_failure_the_queue_is_discarded_and_the_next_event_starts_afresh(start):
    # Given a receiver that is dead; twelve hours take a fifth of a second
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    caller = start(time_scale=12 * 3600 * 5)
    caller.subscribe(f"http://127.0.0.1:{port}/hook", "RFIs update")
    # When events wait that long
    change(caller, count=3)
    until(lambda: statuses(caller) == ["discarded"] * 3)
    # Then the next event is tried again
    change(caller)
    until(lambda: statuses(caller)[3:] in (["retrying"], ["discarded"]))


def test_a_success_ends_the_pauses_so_the_next_failure_waits_one_second_again(start, receiver: Receiver):
    caller = start(time_scale=20)
    caller.subscribe(receiver.url, "RFIs update")
    receiver.statuses = [500, 500, 500, 204, 500]
    change(caller, count=2)
    until(lambda: len(receiver.bodies) == 6)

    pauses = [later - earlier for earlier, later in zip(receiver.times, receiver.times[1:], strict=False)]
    assert pauses[2] >= 0.2
    assert 0.05 <= pauses[4] < 0.2


def test_a_pause_is_an_hour_at_most(start, receiver: Receiver):
    # Given twelve hours that take 1.2 seconds: pauses of 1, 2, 4 … 2048 s are 4095 s, then each is an hour
    caller = start(time_scale=36_000)
    caller.subscribe(receiver.url, "RFIs update")
    receiver.statuses = [500] * 1000
    change(caller)
    until(lambda: statuses(caller) == ["discarded"])

    assert 12 + 10 <= len(receiver.bodies) <= 12 + 13


def test_one_hook_that_fails_does_not_hold_up_another(start, receiver: Receiver):
    caller = start(time_scale=0.001)
    second = Receiver()
    try:
        caller.subscribe(receiver.url, "RFIs update", version="v2.0")
        caller.subscribe(second.url, "RFIs update", version="v4.0")
        receiver.statuses = [500]
        change(caller, count=3)
        until(lambda: len(second.bodies) == 3)
        assert len(receiver.bodies) == 1
    finally:
        second.close()


def test_an_outage_of_thirteen_hours_discards_what_waited_and_delivers_what_came_after_the_twelfth(start, receiver: Receiver):
    # Given a receiver that cannot be reached for thirteen hours, which take 1.3 seconds
    caller = start(time_scale=36_000)
    caller.subscribe(receiver.url, "RFIs update")
    fault = caller.post("/_sim/outage", json={"hours": 13}).json()
    assert (fault["name"], fault["for_s"]) == ("unreachable", 1.3)
    # When events come at once, and one more when the others were given up
    early = change(caller, count=3)
    until(lambda: statuses(caller) == ["discarded"] * 3)
    late = change(caller)
    # Then the first ones are lost and the late one arrives, tried again and again until it did
    until(lambda: statuses(caller)[3:] == ["delivered"])
    assert [int(one["resource_id"]) for one in receiver.bodies] == late
    assert late[0] not in early
    assert caller.get("/_sim/deliveries").json()[0]["attempts"] > 12


def test_a_hook_can_be_disabled_when_its_queue_was_discarded(start):
    caller = start(time_scale=12 * 3600 * 5)
    hook = caller.subscribe("http://127.0.0.1:9/hook", "RFIs update")
    caller.post("/_sim/faults", json={"name": "auto_disable"})
    change(caller)
    until(lambda: statuses(caller) == ["discarded"])

    path = f"/rest/v2.0/companies/{{c}}/projects/{{p}}/webhooks/hooks/{hook}"
    until(lambda: caller.get(path).json()["data"]["status"] == "disabled")
    change(caller)
    assert statuses(caller) == ["discarded"]


def test_disabling_a_hook_ends_its_queue(start, receiver: Receiver):
    caller = start(time_scale=0.001)
    hook = caller.subscribe(receiver.url, "RFIs update")
    receiver.statuses = [500]
    change(caller, count=3)
    until(lambda: statuses(caller)[0] == "retrying")
    caller.patch(f"/rest/v2.0/companies/{{c}}/projects/{{p}}/webhooks/hooks/{hook}", json={"status": "disabled"})

    until(lambda: statuses(caller) == ["failed", "discarded", "discarded"])
    assert len(receiver.bodies) == 1


def test_a_sender_with_nothing_to_send_does_nothing(start, receiver: Receiver):
    # Given a hook in the pause after a failure, which lasts a thousand seconds
    others = senders()  # of worlds that other tests have not ended yet
    caller = start(time_scale=0.001)
    caller.subscribe(receiver.url, "RFIs update")
    receiver.statuses = [500]
    change(caller)
    until(lambda: statuses(caller) == ["retrying"])
    # When half a second goes by, then its threads slept through it
    (thread,) = senders() - others
    until(lambda: asleep(thread))
    before = wakes(thread)
    time.sleep(0.5)
    assert wakes(thread) - before <= 1


def senders() -> set[int | None]:
    return {one.native_id for one in threading.enumerate() if one.name == "sender"}


def asleep(thread: int | None) -> bool:
    """It has not moved for a twentieth of a second."""
    before = wakes(thread)
    time.sleep(0.05)
    return wakes(thread) == before


def wakes(thread: int | None) -> int:
    """How often the thread gave up the processor to wait for something."""
    status = Path(f"/proc/self/task/{thread}/status").read_text()
    return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.M)[1])  # type: ignore[index]


def test_cookies_of_a_receiver_are_not_sent_back_and_only_documented_headers_are(fresh: Caller, receiver: Receiver):
    fresh.subscribe(receiver.url, "RFIs update")
    change(fresh, count=2)
    until(lambda: len(receiver.headers) == 2)

    assert {name.lower() for headers in receiver.headers for name in headers} == {
        "host", "content-length", "content-type", "authorization", "accept", "accept-encoding",
    }  # fmt: skip


def test_a_slow_receiver_is_a_failure(start, receiver: Receiver):
    caller = start(time_scale=1000)
    caller.sim.world.sender.answer_timeout_s = 0.1
    caller.subscribe(receiver.url, "RFIs update")
    receiver.delay_s = 0.3
    change(caller)

    attempt = until(lambda: [a for d in caller.get("/_sim/deliveries").json() for a in d["delivery_attempts"]])[0]
    assert (attempt["success"], attempt["response_status"]) == (False, None)


def test_a_receiver_that_dies_and_comes_back_gets_what_it_missed(fresh: Caller, receiver: Receiver):
    # Given a receiver that has had an event on a kept connection and then dies
    hook = fresh.subscribe(receiver.url, "RFIs update")
    change(fresh)
    until(lambda: statuses(fresh) == ["delivered"])
    second = Receiver()
    try:
        receiver.server.socket.close()
        url = f"/rest/v2.0/companies/{{c}}/projects/{{p}}/webhooks/hooks/{hook}"
        fresh.patch(url, json={"destination_url": "http://127.0.0.1:9/hook"})
        missed = change(fresh)
        until(lambda: "retrying" in statuses(fresh))
        # When it is back
        fresh.patch(url, json={"destination_url": second.url})
        # Then the event arrives
        assert int(until(lambda: second.bodies)[0]["resource_id"]) == missed[0]
    finally:
        second.close()


def test_a_burst_of_500_takes_a_few_seconds(fresh: Caller, receiver: Receiver):
    fresh.subscribe(receiver.url, "RFIs update")
    ids = fresh.post("/_sim/burst", json={"resource": "RFIs", "count": 500}).json()["ids"]

    assert len(set(ids)) == 500
    until(lambda: len(receiver.bodies) == 500, 15)
    assert [int(one["resource_id"]) for one in receiver.bodies] == ids


def test_a_disabled_hook_gets_nothing_and_a_removed_one_neither(fresh: Caller, receiver: Receiver):
    hook = fresh.subscribe(receiver.url, "RFIs update")
    path = f"/rest/v2.0/companies/{{c}}/projects/{{p}}/webhooks/hooks/{hook}"
    fresh.patch(path, json={"status": "disabled"})
    change(fresh)
    assert statuses(fresh) == []

    fresh.patch(path, json={"status": "active"})
    change(fresh)
    until(lambda: receiver.bodies)
    fresh.delete(path)
    change(fresh)
    time.sleep(0.05)
    assert len(receiver.bodies) == 1
