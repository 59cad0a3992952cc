import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import responses

from config.secrets import Secret
from connectors import definition, hooks
from connectors.definition import Connector
from tests.connectors.conftest import HOOK_SECRET, procore_of

API = "https://api.procore.com/rest/v1.0/webhooks/hooks"
HOOK = {
    "id": 43593499,
    "api_version": "v2",
    "namespace": "tieback-acme",
    "destination_url": "https://t.example/1",
    "owned_by_project_id": 1,
}


@pytest.fixture
def connector() -> Connector:
    config = {
        "format": 1, "kind": "procore_dmsa", "name": "acme", "environment": "production", "client_id": "c", "company_id": "8",
        "webhooks": {"api": "v1.0", "payload_version": "v2.0"},
    }  # fmt: skip
    return definition.from_stored(config, {"client_secret": Secret("s")})


@pytest.fixture
def far() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post("https://login.procore.com/oauth/token", json={"access_token": "t", "expires_in": 5400})
        yield mock


def sent(far: responses.RequestsMock, method: str) -> list[tuple[str, Any]]:
    found = [call.request for call in far.calls if call.request.method == method and "webhooks" in str(call.request.url)]
    return [(str(one.url).removeprefix(API), json.loads(one.body) if one.body else None) for one in found]


def test_a_hook_and_its_triggers_are_spelled_the_older_way(far: responses.RequestsMock, connector: Connector) -> None:
    # Given a project without a hook
    far.get(API, json=[])
    far.post(API, json=HOOK, status=201)
    far.post(f"{API}/43593499/triggers/bulk", json={"success": []})
    one = procore_of(connector)
    # When two events are wanted there
    wanted = hooks.desired([("RFIs", "create"), ("RFIs", "update")], ["1"])
    done = hooks.apply(
        one, hooks.plan(one, wanted, lambda scope: "https://t.example/1").changes, lambda scope: Secret(HOOK_SECRET)
    )
    # Then the scope stands in the bodies, as a number
    assert [(each.hook_id, each.error) for each in done] == [("43593499", None)]
    hook = {
        "api_version": "v2", "namespace": "tieback-acme", "destination_url": "https://t.example/1",
        "destination_headers": {"Authorization": HOOK_SECRET},
    }  # fmt: skip
    pairs = [{"resource_name": "RFIs", "event_type": verb} for verb in ("create", "update")]
    assert sent(far, "POST") == [
        ("", {"project_id": 1, "hook": hook}),
        ("/43593499/triggers/bulk", {"project_id": 1, "api_version": "v2", "triggers": pairs}),
    ]


def test_upper_case_verbs_are_what_is_there_already(far: responses.RequestsMock, connector: Connector) -> None:
    far.get(API, json=[HOOK])
    far.get(f"{API}/43593499/triggers", json=[{"id": 7, "resource_name": "RFIs", "event_type": "UPDATE"}])
    plan = hooks.plan(procore_of(connector), {"1": {("RFIs", "update")}}, lambda scope: "https://t.example/1", deletions=True)
    assert plan.changes == ()
    assert "project_id=1" in sent(far, "GET")[0][0]


def test_the_company_stands_in_the_query_of_a_deletion(far: responses.RequestsMock, connector: Connector) -> None:
    far.get(API, json=[HOOK])
    far.get(f"{API}/43593499/triggers", json=[])
    far.delete(f"{API}/43593499", status=200)
    one = procore_of(replace(connector))
    hooks.apply(one, hooks.plan(one, {"": ()}, lambda scope: "x", deletions=True).changes, lambda scope: Secret(HOOK_SECRET))
    assert sent(far, "DELETE") == [("/43593499?company_id=8", None)]
