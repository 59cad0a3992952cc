from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from config.secrets import Secret
from connectors import hooks, validation
from connectors.definition import Connector
from connectors.validation import Check, validate
from simulator.app import Running
from tests.connectors.conftest import HOOK_SECRET, Wire, connector_to, http_answer, procore_of


def checks(connector: Connector, **options: Any) -> dict[str, Check]:
    return {check.name: check for check in validate(procore_of(connector), **options)}


def states(connector: Connector, **options: Any) -> dict[str, str]:
    return {name: check.state for name, check in checks(connector, **options).items()}


def test_a_connector_that_is_fit_is_green_except_for_hooks_that_are_not_there_yet(sim: Running) -> None:
    found = states(connector_to(sim), resources=["RFIs", "Manpower Logs", "RFI Replies"])
    assert found == dict.fromkeys(validation.NAMES, "ok") | {"hooks": "not yet"}
    assert validation.worst(checks(connector_to(sim)).values()) == "not yet"


def test_hooks_that_are_kept_are_ok_and_drift_is_wrong(sim: Running) -> None:
    one = procore_of(connector_to(sim))
    wanted = hooks.desired([("RFIs", "update")], [str(sim.project_id)])
    hooks.apply(one, hooks.plan(one, wanted, lambda scope: "https://t.example/a").changes, lambda scope: Secret(HOOK_SECRET))
    assert checks(connector_to(sim))["hooks"].seen == "1 active, with 1 triggers."
    moved = checks(connector_to(sim), hook_url_of=lambda scope: "https://t.example/b")["hooks"]
    assert (moved.state, moved.mend) == ("wrong", "Run: tieback hooks apply")


def test_a_host_that_does_not_answer_leaves_the_rest_undecided(sim: Running) -> None:
    found = checks(connector_to(sim, api_host="http://127.0.0.1:1"))
    assert found["hosts"].state == "wrong"
    assert "no connection to 127.0.0.1:1" in found["hosts"].seen
    assert found["credentials"].seen == "needs hosts."
    assert {check.state for name, check in found.items() if name != "hosts"} == {"not yet"}


def test_hosts_of_two_environments_are_no_pair(sim: Running) -> None:
    mixed = replace(connector_to(sim), api_host="https://sandbox.procore.com", login_host="https://login.procore.com")
    found = checks(mixed)["hosts"]
    assert found.seen == "https://sandbox.procore.com belongs to sandbox, https://login.procore.com to production."


def test_wrong_credentials_name_the_mend(sim: Running) -> None:
    found = checks(connector_to(sim, client_secret=Secret("nope")))
    assert (found["hosts"].state, found["credentials"].state, found["company"].state) == ("ok", "wrong", "not yet")
    assert "Procore developer portal" in found["credentials"].seen


def test_another_company_is_named_with_those_that_could_be_meant(sim: Running) -> None:
    found = checks(connector_to(sim, company_id="4711"))["company"]
    assert found.state == "wrong"
    assert f"Northgate Builders ({sim.company_id})" in found.seen


def test_wanted_projects_that_are_not_permitted_are_named(sim: Running) -> None:
    found = checks(connector_to(sim, projects=(str(sim.project_id), "4711")))["projects"]
    assert (found.state, found.seen) == ("wrong", "3 permitted; of the wanted ones 4711 are not.")
    assert "App Management" in found.mend


def test_a_tool_that_is_switched_off_is_named(sim: Running) -> None:
    sim.world.faults.add({"name": "tool_disabled", "resource": "RFIs"})
    found = checks(connector_to(sim), resources=["RFIs", "Submittals"])["tools"]
    assert found.state == "wrong"
    assert found.seen.startswith("RFIs: acme: 403 on GET")
    assert "Submittals" not in found.seen
    assert "Tool Settings" in found.mend


def test_a_missing_webhook_permission_tells_the_developer_what_to_set(sim: Running) -> None:
    sim.world.faults.add({"name": "webhooks_forbidden"})
    found = checks(connector_to(sim))
    assert (found["webhooks"].state, found["hooks"].state) == ("wrong", "not yet")
    assert "Webhooks API" in found["webhooks"].mend


@pytest.mark.parametrize(
    "answer",
    [b"", http_answer(b"<html>", "502 Bad Gateway", content_type="text/html"), http_answer(b"[1]"), http_answer(b"null")],
)
def test_no_answer_whatever_makes_validation_raise(sim: Running, wire: Callable[..., Wire], answer: bytes) -> None:
    found = checks(connector_to(sim, api_host=wire(answer).url))
    assert list(found) == list(validation.NAMES)
    assert "wrong" in {check.state for check in found.values()}


def test_no_check_shows_a_secret(sim: Running) -> None:
    connector = connector_to(sim)
    shown = "".join(check.line() for check in validate(procore_of(connector)))
    assert connector.client_secret.reveal() not in shown
    assert connector.client_id not in shown
