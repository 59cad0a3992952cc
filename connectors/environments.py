"""The pairs of hosts that Procore has. Tokens and credentials of one pair are unknown to every other.

Source: Procore documentation, development environments and tutorial on multiple zones; the federal zone's
page. The monthly sandbox's API host is named differently in two official places: this is the
documentation's; the reference's (https://api-sandbox-monthly.procore.com) can be had with `custom`.
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


def environment_of(host: str) -> str | None:
    """The preset that an API or login host belongs to, such as "sandbox" for https://sandbox.procore.com."""
    return next((name for name, hosts in PRESETS.items() if host.rstrip("/").lower() in hosts), None)
