"""Bearer tokens that other programs call us with."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy.exc import IntegrityError

from config.errors import ConfigError
from config.problems import did_you_mean
from console.verbs.at_hand import AtHand
from store import apitokens, audit, listings
from store.session import reading, writing

SCOPES = ("config-events", "inbound", "read", "operate", "admin", "metrics")
_OF_ONE = re.compile(r"inbound:[a-z][a-z0-9_]{0,62}|company:[0-9]{1,30}")


def add(here: AtHand, name: str, scopes: list[str]) -> str:
    """A new token in clear; it is shown this once. Raises: ConfigError for a name that is taken or a scope unknown."""
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", name):
        raise ConfigError(f'the name "{name[:80]}" does not fit: it begins with a letter; then a-z, 0-9, - and _, at most 63.')
    if not scopes:
        raise ConfigError(f"say what the token may do. Scopes: {', '.join(SCOPES)}, inbound:SOURCE and company:ID")
    for scope in scopes:
        if scope not in SCOPES and not _OF_ONE.fullmatch(scope):
            there = f"{', '.join(SCOPES)}, inbound:SOURCE and company:ID"
            raise ConfigError(f'there is no scope "{scope[:80]}"{did_you_mean(scope, SCOPES) or "."} Scopes: {there}')
    try:
        with writing(here.engine) as db:
            token = apitokens.add(db, name, scopes)
            audit.note(db, here.actor, "token added", name, {"scopes": scopes})
    except IntegrityError:
        raise ConfigError(f'there was a token "{name}" already; names are not used twice. Choose another name.') from None
    return token


def revoke(here: AtHand, name: str) -> None:
    """Raises: ConfigError when no such token is valid."""
    with writing(here.engine) as db:
        if not apitokens.revoke(db, name):
            raise ConfigError(f'there is no valid token "{name}". List them: tieback tokens list')
        audit.note(db, here.actor, "token revoked", name)


def listed(here: AtHand) -> list[dict[str, Any]]:
    with reading(here.engine) as db:
        return listings.api_tokens(db)
