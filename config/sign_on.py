"""Sign-in by OpenID Connect, as the settings have it: whom we ask, who we are there, and which group has which role here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from config.secrets import Secret

Role = Literal["viewer", "operator", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
_GRANT = re.compile(r"(?P<group>.+)=\s*(?P<role>[a-z]+)(?:@(?P<companies>[0-9]{1,30}(?:\+[0-9]{1,30})*))?\Z")
_NEEDED = ("oidc_client_id", "oidc_client_secret", "oidc_roles", "console_url")


@dataclass(frozen=True)
class Grant:
    """Who is in the group has the role; `companies` None: in all of them."""

    group: str
    role: Role
    companies: tuple[str, ...] | None = None


@dataclass(frozen=True)
class SignOn:
    """`claim` names what holds the groups, `redirect_uri` is where people come back to."""

    issuer: str
    client_id: str
    client_secret: Secret
    claim: str
    grants: tuple[Grant, ...]
    scopes: str
    redirect_uri: str

    @property
    def host(self) -> str:
        """How people know the provider."""
        return urlsplit(self.issuer).hostname or self.issuer

    def grant(self, groups: object) -> Grant | None:
        """The best role that these groups give, of two equal ones that with all companies; None: no entry."""
        held = {one for one in (groups if isinstance(groups, list) else [groups]) if isinstance(one, str)}
        found = [one for one in self.grants if one.group in held]
        best = max((ROLES.index(one.role) for one in found), default=None)
        equal = [one for one in found if ROLES.index(one.role) == best]
        if not equal:
            return None
        if any(one.companies is None for one in equal):
            return Grant(equal[0].group, equal[0].role)
        companies = dict.fromkeys(id for one in equal for id in one.companies or ())
        return Grant(equal[0].group, equal[0].role, tuple(companies))


def issuer(text: str) -> str:
    parts = urlsplit(text)
    loopback = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    if text and (not parts.hostname or parts.query or parts.fragment or not (parts.scheme == "https" or loopback)):
        raise ValueError("write the issuer as your provider names it, such as https://login.example.com/realms/acme")
    return text


def grants(text: str) -> tuple[Grant, ...]:
    """Such as `tieback-admins=admin, site-ops=operator@598134000001001`."""
    found = []
    for part in filter(None, (one.strip() for one in text.split(","))):
        match = _GRANT.fullmatch(part)
        role = next((one for one in ROLES if match and match["role"] == one), None)
        if match is None or role is None:
            raise ValueError(
                f'"{part[:80]}" is no GROUP=ROLE; write a group, = and one of {", ".join(ROLES)}, such as site-ops=operator; '
                "@ and company ids joined by + limit it"
            )
        companies = tuple(match["companies"].split("+")) if match["companies"] else None
        found.append(Grant(match["group"].strip(), role, companies))
    return tuple(found)


def of(values: Mapping[str, Any]) -> SignOn | None:
    """None where no issuer is set. Raises: ValueError naming what is missing."""
    given = [name for name in (*_NEEDED[:3], "oidc_issuer") if values[name]]
    if not given:
        return None
    missing = [f"TIEBACK_{name.upper()}" for name in ("oidc_issuer", *_NEEDED) if not values[name]]
    if missing:
        raise ValueError(f"sign-in by OpenID Connect needs {', '.join(missing)} as well. Set it, or unset TIEBACK_OIDC_*")
    return SignOn(
        values["oidc_issuer"], values["oidc_client_id"], values["oidc_client_secret"], values["oidc_claim"],
        values["oidc_roles"], values["oidc_scopes"], f"{values['console_url']}/sign-in/oidc/back",
    )  # fmt: skip
