"""Traps 11, 12, 16, 23, 25 and 33: hosts, headers, tokens, secrets, the two webhook APIs."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from config.errors import Permanent
from config.secrets import Secret
from connectors import validation
from connectors.hook_api import hook_api
from connectors.hook_api_v1 import HookApiV1
from connectors.kinds.procore_dmsa import Procore
from connectors.ports import MemoryCalls, MemoryTokens
from simulator.app import Running, serve
from tests.connectors.conftest import connector_to, procore_of


def test_trap_11_hosts_of_two_environments_are_refused_and_a_refused_client_names_the_environment(sim: Running) -> None:
    mixed = replace(connector_to(sim), api_host="https://api.procore.com", login_host="https://login-sandbox.procore.com")
    hosts = validation.validate(procore_of(mixed))[0]
    assert (hosts.state, "one pair" in hosts.mend) == ("wrong", True)
    wrong = replace(connector_to(sim), client_secret=Secret("of the sandbox"))
    with pytest.raises(Permanent, match="belongs to one environment only"):
        procore_of(wrong).companies()


def test_trap_12_the_company_header_goes_with_every_call() -> None:
    with serve(seed=7, profile="strict") as strict:
        procore = procore_of(connector_to(strict))
        assert procore.companies()
        assert list(procore.pages("RFIs", str(strict.project_id)))
        assert procore.get("Projects", str(strict.project_id))


def test_trap_16_callers_that_need_a_token_at_once_share_one(sim: Running) -> None:
    calls, tokens = MemoryCalls(), MemoryTokens()
    one = procore_of(connector_to(sim), calls=calls, tokens=tokens)
    threads = [threading.Thread(target=one.companies) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [call.path for _, call in calls.calls].count("/oauth/token") == 1


def test_trap_23_a_daily_log_without_the_time_fields_that_it_needs_is_refused_with_their_names(
    sim: Running, procore: Procore
) -> None:
    fields = {"vendor": "Acme", "date": "2026-03-02"}
    with pytest.raises(Permanent, match="time_hour"):
        procore.create("Delivery Logs", fields, str(sim.project_id))
    made = procore.create("Delivery Logs", {**fields, "time_hour": 9, "time_minute": 30}, str(sim.project_id))
    assert made["id"]


def test_trap_25_a_secret_that_was_reset_is_told_with_where_to_enter_the_new_one(sim: Running) -> None:
    procore = procore_of(connector_to(sim))
    procore.companies()
    sim.world.reset_secret()
    with pytest.raises(Permanent, match="a secret that was reset there must be entered here again"):
        procore.companies()


@pytest.mark.parametrize("api", ["v2.0", "v1.0"])
def test_trap_33_both_webhook_apis_are_spoken_and_v2_is_the_default(sim: Running, procore: Procore, api: str) -> None:
    connector = procore.connector
    assert connector.webhooks.api == "v2.0"
    spoken = hook_api(procore_of(replace(connector, webhooks=replace(connector.webhooks, api=api))))
    assert isinstance(spoken, HookApiV1) == (api == "v1.0")
