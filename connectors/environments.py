"""The pairs of hosts that Procore has. Tokens and credentials of one pair are unknown to every other.

Source: Procore documentation, development environments and tutorial on multiple zones; the federal zone's
page. The monthly sandbox's API host is named differently in two official places, so either is accepted; so is
the developer sandbox's own host for signing in, where tokens have been given out as well.
"""

from __future__ import annotations

from typing import NamedTuple


class Hosts(NamedTuple):
    api: str
    login: str


PRESETS: dict[str, Hosts] = {
    "production": Hosts("https://api.procore.com", "https://login.procore.com"),
    "sandbox": Hosts("https://sandbox.procore.com", "https://login-sandbox.procore.com"),
    "monthly": Hosts("https://api-monthly.procore.com", "https://login-sandbox-monthly.procore.com"),
    "on-demand": Hosts("https://api.procore.com", "https://login.procore.com"),
    "federal": Hosts("https://api.procoregov.com", "https://login.procoregov.com"),
}
ENVIRONMENTS = (*PRESETS, "custom")
_API_TOO = {"monthly": "https://api-sandbox-monthly.procore.com"}
_LOGIN_TOO = {"sandbox": "https://sandbox.procore.com"}
_KNOWS = {
    "production": "knows the app's Production credentials; its Sandbox ones belong to sandbox",
    "sandbox": "knows the app's Sandbox credentials; its Production ones belong to production, on-demand and monthly",
    "federal": "knows credentials of the federal zone only",
}


def api_hosts(environment: str) -> tuple[str, ...]:
    """Where the API of a preset may be, the usual place first."""
    return _with(PRESETS[environment].api, _API_TOO.get(environment))


def login_hosts(environment: str) -> tuple[str, ...]:
    """Where a preset's tokens may be asked for, the usual place first."""
    return _with(PRESETS[environment].login, _LOGIN_TOO.get(environment))


def _with(first: str, other: str | None) -> tuple[str, ...]:
    return (first, other) if other else (first,)


def environment_of(host: str) -> str | None:
    """The preset that an API or login host belongs to, such as "sandbox" for https://sandbox.procore.com."""
    host = host.rstrip("/").lower()
    return next((name for name in PRESETS if host in (*api_hosts(name), *login_hosts(name))), None)


def known_there(login_host: str) -> str:
    """Which credentials a sign-in host knows, as the rest of a sentence that began with its name."""
    environment = environment_of(login_host)
    like_production = environment in ("monthly", "on-demand")
    return _KNOWS["production" if like_production else environment] if environment else "knows those of its own environment only"
