from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select

from store import apitokens
from store.models import Event
from store.session import reading, writing
from tests.webhook.door import Answer, Door, request


@pytest.fixture
def token(door: Door) -> str:
    with writing(door.engine) as db:
        return apitokens.add(db, "ci", ["config-events"])


def _tell(door: Door, token: str, body: bytes, **headers: str | None) -> Answer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return door.send(request("POST", "/config-events", body, {"Authorization": f"Bearer {token}", **names}))


def _events(door: Door) -> list[Any]:
    with reading(door.engine) as db:
        return list(db.execute(select(Event.__table__)))


@pytest.mark.parametrize(
    ("said", "connector", "resource", "action"),
    [
        ({"kind": "connector.created", "name": "acme-prod"}, "acme-prod", "connector", "create"),
        ({"kind": "connector.updated", "name": "acme-prod"}, "acme-prod", "connector", "update"),
        ({"kind": "connector.removed", "name": "acme-prod"}, "acme-prod", "connector", "delete"),
        ({"kind": "projects.changed", "name": "acme-prod"}, "acme-prod", "projects", "update"),
        ({"kind": "automations.changed"}, "", "automations", "update"),
    ],
)
def test_a_configuration_event_is_kept_and_answered_with_its_id(
    door: Door, token: str, said: dict[str, str], connector: str, resource: str, action: str
) -> None:
    answer = _tell(door, token, json.dumps(said).encode())
    (kept,) = _events(door)
    assert (answer.status, json.loads(answer.body)) == (202, {"event_id": kept.id})
    assert (kept.source, kept.connector, kept.resource_name, kept.action) == ("config", connector, resource, action)
    assert kept.body["kind"] == said["kind"]


def test_the_same_event_told_twice_is_two_events(door: Door, token: str) -> None:
    for _ in range(2):
        _tell(door, token, b'{"kind": "automations.changed"}')
    assert len(_events(door)) == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"kind": "connector.exploded", "name": "a"}', "kind"),
        (b'{"name": "a"}', "kind"),
        (b'{"kind": 5}', "kind"),
        (b'{"kind": "connector.updated"}', "name"),
        (b'{"kind": "connector.updated", "name": 5}', "name"),
        (b'{"kind": "connector.updated", "name": "a\\nb"}', "name"),
        (b'{"kind": "connector.updated", "name": "' + b"a" * 65 + b'"}', "name"),
        (b'{"kind": "automations.changed", "company_id": 9}', "company_id"),
        (b"[]", None),
        (b"{", None),
        (b"[" * 50_000, None),
        (b'{"kind": "automations.changed", "kind": "projects.changed"}', None),
    ],
)
def test_a_wrong_body_is_a_400_that_names_the_field(door: Door, token: str, body: bytes, field: str | None) -> None:
    answer = _tell(door, token, body)
    problem = json.loads(answer.body)
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")
    assert (problem["status"], problem.get("field")) == (400, field)
    assert _events(door) == []


def test_only_a_token_of_this_scope_is_let_in(door: Door, token: str) -> None:
    with writing(door.engine) as db:
        other = apitokens.add(db, "other", ["read"])
        gone = apitokens.add(db, "gone", ["config-events"])
        apitokens.revoke(db, "gone")
    for wrong in (other, gone, "", "x"):
        answer = _tell(door, wrong, b'{"kind": "automations.changed"}')
        assert (answer.status, answer.headers["content-type"]) == (401, "application/problem+json")
    assert _tell(door, token, b"{}", Authorization=f"Basic {token}").status == 401
    assert _events(door) == []


def test_another_content_type_or_encoding_is_a_415(door: Door, token: str) -> None:
    said = b'{"kind": "automations.changed"}'
    assert _tell(door, token, said, Content_Type="text/plain").status == 415
    assert _tell(door, token, said, Content_Encoding="gzip").status == 415
    assert _tell(door, token, b" " * 65_537).status == 413
    assert _events(door) == []
