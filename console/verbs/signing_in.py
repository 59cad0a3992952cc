"""Signing in and out, the code of the first start, and the second factor."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from config.errors import ConfigError, TiebackError
from config.secrets import Secret
from console import passwords
from console.verbs import people
from console.verbs.at_hand import AtHand
from store import audit, definitions, sessions, timers, users
from store.session import reading, writing

FIRST_S = 15 * 60
_FIRST = "first_run"
# Failures within a quarter of an hour: of one name from one address, of one address, of one name from anywhere.
MOST = {"both": 8, "address": 40, "name": 120}


class Refused(TiebackError):
    """No sign-in. One sentence for every cause, so that nobody learns which names exist."""


class TooMany(Refused):
    """Too many failures lately; nothing was compared."""


@dataclass(frozen=True)
class Browser:
    address: str
    agent: str


def sign_in(here: AtHand, name: str, password: str, code: str, browser: Browser) -> str:
    """The id of a new session. Raises: Refused, TooMany."""
    name = name.strip().lower()[:64]
    subjects = {"both": f"both:{name}:{browser.address}", "address": f"address:{browser.address}", "name": f"name:{name}"}
    with reading(here.engine) as db:
        if any(sessions.failures(db, subject) >= MOST[kind] for kind, subject in subjects.items()):
            raise TooMany("there were too many failed sign-ins. Wait a quarter of an hour, then try again.")
        row = users.get(db, name)
    # An unknown name costs as much as a known one.
    row = None if row is not None and row.subject else row  # who signs in by the provider has no password here
    known = passwords.fits(password, row.password if row is not None else passwords.NOBODY)
    with writing(here.engine) as db:
        if not (known and row is not None and _factor_fits(here, db, row, code)):
            sessions.failed(db, list(subjects.values()))
            audit.note(db, "console", "sign-in refused", name, {"address": browser.address})
        else:
            sessions.forgive(db, subjects["both"])
            users.signed_in(db, row.id)
            audit.note(db, f"user:{name}", "signed in", name, {"address": browser.address})
            return sessions.begin(db, row.id, browser.address, browser.agent)
    raise Refused("name, password or code do not fit. Look at what you typed, then try again.")


def _factor_fits(here: AtHand, db: Connection, row: Any, code: str) -> bool:
    if row.totp is None:
        return True
    secret = here.box.open(row.totp, users.place(row.name)).reveal()
    counter = passwords.counter_of(secret, code)
    return counter is not None and users.use_code(db, row.id, counter)


def set_factor(here: AtHand, name: str, secret: str, code: str) -> None:
    """Switch the second factor on. Raises: ConfigError when the code does not fit the secret."""
    counter = passwords.counter_of(secret, code)
    if counter is None:
        raise ConfigError("the code does not fit. Look that the clock of your phone is right, and give the code it shows now.")
    with writing(here.engine) as db:
        row = users.get(db, name)
        assert row is not None
        users.set_totp(db, row.id, here.box.seal(Secret(secret), users.place(name)), counter)
        audit.note(db, here.actor, "second factor on", name)


def drop_factor(here: AtHand, name: str) -> None:
    with writing(here.engine) as db:
        row = users.get(db, name)
        if row is None:
            raise ConfigError(f'there is no user "{name}". List them: tieback users list')
        users.set_totp(db, row.id, None, 0)
        audit.note(db, here.actor, "second factor off", name)


def confirm(here: AtHand, name: str, password: str) -> None:
    """Raises: ConfigError unless this is the password of who asks."""
    with reading(here.engine) as db:
        row = users.get(db, name)
    if row is None or row.subject or not passwords.fits(password, row.password):
        raise ConfigError("the present password does not fit.")


# The first start


def new_first_code(here: AtHand) -> str | None:
    """A code with which the first administrator makes themselves, valid for 15 minutes; None when there is somebody already.

    Earlier codes end with it.
    """
    code = secrets.token_urlsafe(16)
    with writing(here.engine) as db:
        if users.anybody(db):
            return None
        until = timers.clock(db) + dt.timedelta(seconds=FIRST_S)
        definitions.set_fact(db, _FIRST, f"{_digest(code)} {until.isoformat()}")
    return code


def nobody_yet(here: AtHand) -> bool:
    with reading(here.engine) as db:
        return not users.anybody(db)


def first(here: AtHand, code: str, name: str, password: str) -> None:
    """Make the first administrator. Raises: Refused for a wrong or old code, ConfigError for what was typed."""
    with reading(here.engine) as db:
        _first_code(db, code)
    kept = people.checked(name, "admin", None, password)
    with writing(here.engine) as db:
        users.alone(db)
        _first_code(db, code)  # once more: of two who have it, one is the first
        people.put(db, here.actor, name, *kept)
        definitions.set_fact(db, _FIRST, "")


def _first_code(db: Connection, code: str) -> None:
    if users.anybody(db) or not _is_first_code(db, code):
        raise Refused("this code does not fit or is older than 15 minutes. Start Tieback again: it prints a new one.")


def _is_first_code(db: Connection, code: str) -> bool:
    digest, _, until = definitions.fact(db, _FIRST, "").partition(" ")
    fits = hmac.compare_digest(digest, _digest(code))
    return bool(until) and fits and timers.clock(db) < dt.datetime.fromisoformat(until)


def _digest(code: str) -> str:
    return hashlib.sha256(b"tieback-first:" + code.strip().encode()).hexdigest()
