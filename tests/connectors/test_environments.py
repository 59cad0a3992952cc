"""The pairs of hosts, and which credentials a sign-in host knows."""

from __future__ import annotations

import pytest

from connectors.environments import PRESETS, api_hosts, environment_of, known_there, login_hosts


def test_the_five_pairs_are_procores() -> None:
    assert {name: tuple(hosts) for name, hosts in PRESETS.items()} == {
        "production": ("https://api.procore.com", "https://login.procore.com"),
        "sandbox": ("https://sandbox.procore.com", "https://login-sandbox.procore.com"),
        "monthly": ("https://api-monthly.procore.com", "https://login-sandbox-monthly.procore.com"),
        "on-demand": ("https://api.procore.com", "https://login.procore.com"),
        "federal": ("https://api.procoregov.com", "https://login.procoregov.com"),
    }


def test_either_name_of_the_monthly_sandboxs_api_belongs_to_it() -> None:
    assert api_hosts("monthly") == ("https://api-monthly.procore.com", "https://api-sandbox-monthly.procore.com")
    assert {environment_of(host) for host in api_hosts("monthly")} == {"monthly"}
    assert login_hosts("sandbox") == ("https://login-sandbox.procore.com", "https://sandbox.procore.com")


@pytest.mark.parametrize("host", ["https://api.procore.com.evil.example", "https://procore.com", "https://erp.example", ""])
def test_another_host_belongs_to_none(host: str) -> None:
    assert environment_of(host) is None
    assert known_there(host) == "knows those of its own environment only"


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ("production", "knows the app's Production credentials; its Sandbox ones belong to sandbox"),
        ("monthly", "knows the app's Production credentials; its Sandbox ones belong to sandbox"),
        ("sandbox", "knows the app's Sandbox credentials; its Production ones belong to production, on-demand and monthly"),
        ("federal", "knows credentials of the federal zone only"),
    ],
)
def test_a_sign_in_host_says_whose_credentials_it_knows(environment: str, says: str) -> None:
    assert known_there(PRESETS[environment].login) == says
