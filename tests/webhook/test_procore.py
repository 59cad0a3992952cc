"""The door's answers to an authentic sender, and what is kept."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from pathlib import Path

import pytest
from sqlalchemy import update

from store import hooks
from store.models import Hook
from store.session import writing
from store.types import now
from tests.webhook.door import Door, body, event, open_door, together

SECOND = "the-next-authorization-value-0123456789abcd"

# Source: Procore documentation, webhooks, payload formats v2.0 and v4.0; the third as v3.0 adds to v2.0.
V2 = b"""{ "id": 123456789,
  "ulid": "01JMYXMZRBVKK0PC6XS8SA4QRE",
  "timestamp": "2026-02-06T23:34:12.246562Z",
  "metadata": { "source_user_id": 987654321, "source_project_id": 2468013579, "source_operation_id": null,
                "source_company_id": 1357908642, "source_application_id": null },
  "user_id": 987654321, "company_id": 1357908642, "project_id": 2468013579,
  "api_version": "v2.0", "event_type": "update", "resource_name": "RFIs", "resource_id": 54321 }"""
V3 = V2.replace(b'"v2.0"', b'"v3.0", "related_resources":[{"id":1234,"name":"Direct Costs"}]').replace(b"4QRE", b"4QRF")
V4 = b"""{ "id": "01JMYXMZRBVKK0PC6XS8SA4QRE", "timestamp": "2026-02-25T16:04:43.619085Z", "reason": "update",
  "company_id": "8", "project_id": "6778", "user_id": "5447",
  "resource_type": "Direct Cost Line Items", "resource_id": "379913" }"""
V4_OF_A_COMPANY = V4.replace(b'"6778"', b'""').replace(b"4QRE", b"4QRG")


@pytest.mark.parametrize(("payload", "company"), [(V2, "1357908642"), (V3, "1357908642"), (V4, "8"), (V4_OF_A_COMPANY, "8")])
def test_each_documented_payload_is_kept_byte_for_byte(door: Door, payload: bytes, company: str) -> None:
    # Given a hook of the payload's company
    key = door.add_hook("examples", company=company)
    # When Procore posts it
    answer = door.post(payload, path=f"/webhooks/{key}")
    # Then it is answered 204 without a body, and kept as it came, under the event's own id
    assert (answer.status, answer.body) == (204, b"")
    (kept,) = door.kept()
    named = json.loads(payload)
    assert (kept.raw, kept.state, kept.delivery_key) == (payload, "received", named.get("ulid") or named["id"])


def test_a_worker_is_rung_with_the_id_after_the_answer(door: Door) -> None:
    door.post(body())
    deadline = time.monotonic() + 2
    while not door.bell.rung and time.monotonic() < deadline:
        time.sleep(0.005)
    assert door.bell.rung == [("sort", [door.kept()[0].id], "webhook")]


def test_a_redelivery_is_answered_204_and_kept_once(door: Door) -> None:
    assert [door.post(body()).status for _ in range(3)] == [204, 204, 204]
    assert len(door.kept()) == 1


def test_a_thousand_replays_from_eight_threads_are_one_row(door: Door) -> None:
    # Given a captured delivery
    captured = body()
    # When it is sent again and again at the same time
    statuses = together(8, lambda _: door.post(captured).status, range(1000))
    # Then each is answered 204, one is kept and a worker is rung for it once
    assert set(statuses) == {204}
    assert len(door.kept()) == 1
    assert door.bell.ids == [door.kept()[0].id]


def test_many_different_deliveries_at_once_are_all_kept(door: Door) -> None:
    bodies = [body(id=f"event-{n}") for n in range(300)]
    assert set(together(8, lambda one: door.post(one).status, bodies)) == {204}
    assert {row.raw for row in door.kept()} == set(bodies)
    assert len(door.bell.ids) == 300


def test_the_same_event_of_two_connectors_is_kept_for_both(door: Door) -> None:
    other = door.add_hook("second")
    assert [door.post(body()).status, door.post(body(), path=f"/webhooks/{other}").status] == [204, 204]
    assert [row.connector for row in door.kept()] == ["acme", "second"]


def test_an_array_is_kept_under_the_digest_of_its_bytes(door: Door) -> None:
    payload = json.dumps([event(id="a"), event(id="b")]).encode()
    assert door.post(payload).status == 204
    (kept,) = door.kept()
    assert (kept.state, kept.delivery_key) == ("received", hashlib.sha256(payload).hexdigest())


def test_a_body_of_another_company_is_quarantined(door: Door) -> None:
    # Given a valid secret of company 8's hook
    # When it brings an event of company 9
    assert door.post(body(company_id=9)).status == 204
    # Then nothing will act on it, and the listing says why
    (kept,) = door.kept()
    assert (kept.state, kept.reason) == ("quarantined", "it names company '9', but its hook is of company 8")
    assert door.bell.rung == []


def test_a_body_of_another_project_than_its_project_hook_is_quarantined(door: Door) -> None:
    key = door.add_hook("projects", project="6778")
    assert door.post(body(id="own"), path=f"/webhooks/{key}").status == 204
    assert door.post(body(id="foreign", project_id="1"), path=f"/webhooks/{key}").status == 204
    assert [(row.state, row.reason) for row in door.kept()] == [
        ("received", None),
        ("quarantined", "it names project '1', but its hook is of project 6778"),
    ]


def test_a_foreign_body_does_not_take_the_place_of_the_genuine_event(door: Door) -> None:
    # Given a quarantined body that carries the id of an event to come
    door.post(body(company_id="9"))
    # When the genuine event arrives
    door.post(body())
    # Then it is received
    assert [row.state for row in door.kept()] == ["quarantined", "received"]


def test_an_event_of_yesterday_is_flagged_and_still_received(door: Door) -> None:
    door.post(body(timestamp="2020-01-01T00:00:00Z"))
    (kept,) = door.kept()
    assert (kept.state, kept.reason) == ("received", "its event was more than 24 hours old when it arrived")


def test_two_secrets_are_valid_while_one_is_rotated(door: Door) -> None:
    # Given a hook whose secret was just replaced
    door.add_hook("acme", secret=SECOND)
    # When Procore still sends the old one, then the new one
    statuses = [door.post(body(id="old")).status, door.post(body(id="new"), {"Authorization": SECOND}).status]
    # Then both are let in, without waiting for the table to grow stale
    assert statuses == [204, 204]


def test_a_hook_made_a_moment_ago_is_known_at_once(door: Door) -> None:
    door.post(body())
    key = door.add_hook("fresh")
    time.sleep(0.25)
    assert door.post(body(), path=f"/webhooks/{key}").status == 204


def test_a_removed_hook_answers_204_for_a_day_and_what_it_brings_is_ignored(door: Door) -> None:
    with writing(door.engine) as db:
        hooks.remove(db, door.key)
    door.know_hooks()
    assert door.post(body()).status == 204
    (kept,) = door.kept()
    assert (kept.state, kept.reason) == ("ignored", "its hook was removed less than 24 hours ago")


def test_a_hook_removed_two_days_ago_is_unknown(door: Door) -> None:
    with writing(door.engine) as db:
        db.execute(update(Hook).values(removed_at=now(-48 * 3600)))
    door.know_hooks()
    assert door.post(body()).status == 401


def test_a_trailing_slash_is_the_same_route(door: Door) -> None:
    assert door.post(body(), path=f"/webhooks/{door.key}/").status == 204


def test_a_dead_doorbell_changes_no_answer(tmp_path: Path) -> None:
    # Given a bell that breaks its promise never to raise
    class DeadBell:
        def ring(self, actor: str, ids: list[int], lane: str = "webhook") -> None:
            raise ConnectionError("no broker")

    door = open_door(tmp_path, bell=DeadBell())
    try:
        # When deliveries arrive
        began = time.monotonic()
        statuses = [door.post(body(id=str(n))).status for n in range(5)]
        # Then each is stored and answered as ever
        assert (statuses, len(door.kept())) == ([204] * 5, 5)
        assert time.monotonic() - began < 5
    finally:
        door.stop()


def test_no_log_line_shows_a_secret_or_a_body(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        door.post(body(user_id="canary-in-the-body"))
        door.post(body(id="x", company_id="9", user_id="canary-in-the-body"))
        door.post(b"canary-in-the-body")
        door.post(body(), {"Authorization": "canary-wrong-secret"})
    lines = [record.getMessage() + repr(vars(record).get("tieback")) for record in caplog.records]
    assert len([line for line in lines if line.startswith(("delivery.", "door."))]) == 4
    for forbidden in ("canary", "the-whole-authorization", door.key):
        assert not [line for line in lines if forbidden in line]
