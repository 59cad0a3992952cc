from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select

from store import apitokens
from store.models import Delivery, Event
from store.session import reading, writing
from tests.webhook.door import Answer, Door, request


@pytest.fixture
def token(door: Door) -> str:
    with writing(door.engine) as db:
        return apitokens.add(db, "erp", ["inbound:erp"])


def _post(door: Door, token: str, body: bytes, source: str = "erp", **headers: str | None) -> Answer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return door.send(request("POST", f"/inbound/{source}", body, {"Authorization": f"Bearer {token}", **names}))


def _rows(door: Door, table: Any) -> list[Any]:
    with reading(door.engine) as db:
        return list(db.execute(select(table.__table__)))


def test_a_post_is_a_stored_delivery_and_an_event_with_its_body(door: Door, token: str) -> None:
    answer = _post(door, token, b'{"order": "4711", "lines": [1, null]}')
    (delivery,), (event,) = _rows(door, Delivery), _rows(door, Event)
    assert (answer.status, json.loads(answer.body)) == (202, {"event_id": event.id})
    assert (delivery.hook_key, delivery.state, bytes(delivery.raw)) == (
        "inbound:erp", "received", b'{"order": "4711", "lines": [1, null]}',
    )  # fmt: skip
    assert event.body == {"name": "erp", "body": {"order": "4711", "lines": [1, None]}}
    assert (event.source, event.state, event.app_id) == ("inbound", "received", "token:erp")


def test_a_post_repeated_with_its_key_is_one_event_and_gets_the_same_answer(door: Door, token: str) -> None:
    answers = [_post(door, token, b"{}", Idempotency_Key="po-1").body for _ in range(3)]
    assert len(set(answers)) == len(_rows(door, Event)) == len(_rows(door, Delivery)) == 1


def test_without_a_key_each_post_is_an_event(door: Door, token: str) -> None:
    for _ in range(2):
        _post(door, token, b"{}")
    assert len(_rows(door, Event)) == 2


def test_a_token_of_one_source_opens_no_other(door: Door, token: str) -> None:
    answer = _post(door, token, b"{}", source="payroll")
    assert answer.status == 401
    assert "inbound:payroll" in json.loads(answer.body)["detail"]
    assert _rows(door, Event) == []


@pytest.mark.parametrize(
    ("body", "headers", "status", "said"),
    [
        (b"{", {}, 400, "not JSON"),
        (b'{"a": 1, "a": 2}', {}, 400, "twice"),
        (b'{"a": "\\u0000"}', {}, 400, ""),
        (b"[" * 100 + b"]" * 100, {}, 400, "deep"),
        (b"{}", {"Content_Type": "text/plain"}, 415, "application/json"),
        (b"{}", {"Idempotency_Key": "a b"}, 400, "Idempotency-Key"),
        (b'"' + b"a" * (1024 * 1024) + b'"', {}, 413, "larger than"),
    ],
)
def test_what_does_not_fit_is_a_problem_that_says_so_and_keeps_nothing(
    door: Door, token: str, body: bytes, headers: dict[str, str], status: int, said: str
) -> None:
    answer = _post(door, token, body, **headers)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert said in json.loads(answer.body)["detail"]
    assert _rows(door, Delivery) == []


@pytest.mark.parametrize("source", ["Erp", "9", "a-b", "x" * 64])
def test_a_source_that_no_rule_could_name_is_refused(door: Door, source: str) -> None:
    with writing(door.engine) as db:
        token = apitokens.add(db, "all", ["inbound"])
    answer = _post(door, token, b"{}", source=source)
    assert (answer.status, json.loads(answer.body)["field"]) == (400, "source")
