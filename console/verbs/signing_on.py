"""Signing in by OpenID Connect: to the provider and back, and what the groups of a person give them here.

Whoever has no group of `TIEBACK_OIDC_ROLES` is nobody. Local people stay: they are the way in when the provider is away.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import secrets
from collections.abc import Mapping
from typing import Any

from authlib.common.security import generate_token

from config.errors import ConfigError, TiebackError
from config.logs import about
from config.secrets import Secret
from config.sign_on import Grant, SignOn
from connectors.oidc import Provider
from connectors.remarks import plain
from console.verbs.at_hand import AtHand
from console.verbs.people import NAME
from console.verbs.signing_in import MOST, Browser, Refused, TooMany
from store import audit, sessions, sign_ins, users
from store.session import reading, writing

log = logging.getLogger("tieback.console")

MOST_BEGUN = 30
_NAMES = ("preferred_username", "email", "upn")


@functools.cache
def provider(given: SignOn) -> Provider:
    """One for each process: it remembers the provider's document and keys."""
    return Provider(given)


def offered(here: AtHand) -> str | None:
    """The provider's host, where one is set."""
    given = here.settings.sign_on
    return given.host if given is not None else None


def begin(here: AtHand, given: SignOn, visit: str, target: str, browser: Browser) -> str:
    """The address at the provider. Raises: Refused, TooMany."""
    state, nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32), generate_token(64)
    with reading(here.engine) as db:
        if sign_ins.open_from(db, browser.address) >= MOST_BEGUN or _failed_often(db, browser):
            raise TooMany("too many sign-ins were begun from here. Wait a quarter of an hour, then try again.")
    try:
        address = provider(given).address(state, nonce, verifier)
    except TiebackError as error:
        log.warning("sign_in.provider_failed", extra=about(error=error))
        raise Refused(f"{given.host} cannot be asked just now. Try again, or sign in with a local name.") from None
    sealed = here.box.seal(Secret(json.dumps([nonce, verifier])), sign_ins.place(state))
    with writing(here.engine) as db:
        sign_ins.begin(db, state, visit, sealed, target, browser.address)
    return address


def _failed_often(db: Any, browser: Browser) -> bool:
    return sessions.failures(db, f"address:{browser.address}") >= MOST["address"]


def back(here: AtHand, given: SignOn, visit: str, answer: Mapping[str, str], browser: Browser) -> tuple[str, str]:
    """The id of a new session, and the page that was wanted. `answer` is the query that the browser brought.

    Raises: Refused, TooMany; what the provider said stands in the log and the audit, not on the page.
    """
    with reading(here.engine) as db:
        if _failed_often(db, browser):
            raise TooMany("there were too many failed sign-ins. Wait a quarter of an hour, then try again.")
    state = answer.get("state", "")
    with writing(here.engine) as db:
        begun = sign_ins.take(db, state, visit) if state and visit else None
    if begun is None:
        raise _refused(here, browser, "", "its state is unknown, used, older than ten minutes or another browser's")
    nonce, verifier = json.loads(here.box.open(begun.sealed, sign_ins.place(state)).reveal())
    if answer.get("error") or not answer.get("code"):
        raise _refused(here, browser, "", f"the provider answered {plain(answer.get('error', 'without a code'), 60)}")
    if answer.get("iss", given.issuer) != given.issuer:
        raise _refused(here, browser, "", "the answer is another issuer's")
    try:
        claims = provider(given).claims(answer["code"], nonce, verifier)
    except TiebackError as error:
        raise _refused(here, browser, "", str(error)) from None
    return _let_in(here, given, claims, browser), str(begun.target)


def _refused(here: AtHand, browser: Browser, name: str, why: str) -> Refused:
    with writing(here.engine) as db:
        sessions.failed(db, [f"address:{browser.address}"])
        detail = {"address": browser.address, "by": "oidc", "reason": plain(why, 300)}
        audit.note(db, "console", "sign-in refused", name or "-", detail)
    log.warning("sign_in.refused", extra=about(person=name or None, error=why))
    return Refused("this sign-in did not work. Begin it again; an administrator finds the reason in the audit.")


def _let_in(here: AtHand, given: SignOn, claims: Mapping[str, Any], browser: Browser) -> str:
    subject = hashlib.sha256(f"{claims['iss']}\n{claims['sub']}".encode()).hexdigest()
    name = _name(claims, subject)
    grant = given.grant(claims.get(given.claim))
    with writing(here.engine) as db:
        users.alone(db)
        row = users.of_subject(db, subject)
        why = _why_not(db, given, claims, row, name, grant)
        if why is None:
            assert grant is not None
            id = users.put_subject(db, subject, row.name if row is not None else name, grant.role, grant.companies)
            users.signed_in(db, id)
            known = row.name if row is not None else name
            detail = {"address": browser.address, "by": "oidc", "group": grant.group, "role": grant.role}
            audit.note(db, f"user:{known}", "signed in", known, detail)
            return sessions.begin(db, id, browser.address, browser.agent)
        if row is not None:
            sessions.end_all(db, row.id)  # what the group gave goes with it
    raise _refused(here, browser, name, why)


def _why_not(db: Any, given: SignOn, claims: Mapping[str, Any], row: Any, name: str, grant: Grant | None) -> str | None:
    if grant is None:
        if given.claim in (claims.get("_claim_names") or {}):
            return f"the provider left {given.claim} out because there are too many; let it send only groups of this application"
        return f"no group in its claim {given.claim} stands in TIEBACK_OIDC_ROLES"
    if row is not None and row.state != "active":
        return "this person was removed here; to let them in again: tieback users admit"
    if row is None and users.get(db, name) is not None:
        return "somebody else has this name here; remove that one first, or let the provider send another name"
    return None


def _name(claims: Mapping[str, Any], subject: str) -> str:
    """A name as our people have them; one made of the subject where the provider sends none that fits."""
    for claim in _NAMES:
        text = str(claims.get(claim) or "").strip().lower()
        if NAME.fullmatch(text) and not (claim == "email" and claims.get("email_verified") is False):
            return text
    return f"oidc-{subject[:12]}"


def admit(here: AtHand, name: str) -> None:
    """Let a removed person sign in by the provider again. Raises: ConfigError when there is none."""
    with writing(here.engine) as db:
        if not users.admit(db, name):
            raise ConfigError(f'nobody "{name[:80]}" who signs in by the provider was removed.')
        audit.note(db, here.actor, "user admitted", name)
