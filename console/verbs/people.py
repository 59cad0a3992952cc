"""Who may sign in, with which role, to which companies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from config.errors import ConfigError
from config.problems import did_you_mean
from console import passwords
from console.access import ROLES
from console.verbs.at_hand import AtHand
from store import audit, sessions, users
from store.session import reading, writing

NAME = re.compile(r"[a-z][a-z0-9._@-]{0,62}")
_COMPANY = re.compile(r"[0-9]{1,30}")


def listed(here: AtHand) -> list[dict[str, Any]]:
    """Everybody, without digests."""
    with reading(here.engine) as db:
        return [shown(row) for row in users.every(db)]


def shown(row: Any) -> dict[str, Any]:
    return {
        "name": row.name,
        "role": row.role,
        "companies": row.companies,
        "second_factor": row.totp is not None,
        "signs_in": "oidc" if row.subject else "here",
        "version": row.version,
        "created_at": row.created_at,
        "signed_in_at": row.signed_in_at,
    }


def add(here: AtHand, name: str, role: str, companies: Sequence[str] | None, password: str) -> None:
    """Raises: ConfigError for a name that does not fit or is taken, an unknown role, a weak password."""
    kept = checked(name, role, companies, password)
    with writing(here.engine) as db:
        users.alone(db)
        put(db, here.actor, name, *kept)


def checked(name: str, role: str, companies: Sequence[str] | None, password: str) -> tuple[str, list[str] | None, str]:
    """Role, companies and the digest of the password, as they are kept. Raises: ConfigError."""
    if not NAME.fullmatch(name):
        raise ConfigError(
            f'the name "{name[:80]}" does not fit: it begins with a small letter; then a-z, 0-9, and . _ @ - follow, at most 63.'
        )
    _role(role)
    passwords.fit(password, name)
    return role, fitting(companies), passwords.digest(password)


def put(db: Connection, actor: str, name: str, role: str, companies: list[str] | None, digest: str) -> None:
    """Raises: ConfigError when the name is taken."""
    if users.add(db, name, role, companies, digest) is None:
        raise ConfigError(f'there is a user "{name}" already. Choose another name, or change that one.')
    audit.note(db, actor, "user added", name, {"role": role, "companies": companies})


def change(here: AtHand, name: str, version: int, role: str, companies: Sequence[str] | None) -> None:
    """Raises: ConfigError, also when somebody else changed this person since `version`."""
    _role(role)
    wanted = fitting(companies)
    with writing(here.engine) as db:
        users.alone(db)
        row = _row(db, name)
        _local(row, "has their role from there")
        if row.role == "admin" and row.companies is None and (role, wanted) != ("admin", None):
            _not_the_last(db)
        if not users.change(db, name, version, role=role, companies=wanted):
            raise ConfigError(f"{name} was changed by somebody else meanwhile. Look at what is there now, then say it again.")
        detail = {"before": {"role": row.role, "companies": row.companies}, "after": {"role": role, "companies": wanted}}
        audit.note(db, here.actor, "user changed", name, detail)


def remove(here: AtHand, name: str) -> None:
    """Their sessions end with them. Raises: ConfigError when there is none, or it is the last administrator."""
    with writing(here.engine) as db:
        users.alone(db)
        row = _row(db, name)
        if row.role == "admin" and row.companies is None and not row.subject:
            _not_the_last(db)
        users.change(db, name, row.version, state="removed", totp=None)
        sessions.end_all(db, row.id)
        audit.note(db, here.actor, "user removed", name)


def set_password(here: AtHand, name: str, password: str, *, keep: str | None = None) -> None:
    """A new password; every session ends except the one with the digest `keep`. Raises: ConfigError."""
    passwords.fit(password, name)
    digest = passwords.digest(password)
    with writing(here.engine) as db:
        row = _row(db, name)
        _local(row, "has no password here")
        users.set_password(db, row.id, digest)
        sessions.end_all(db, row.id, keep)
        audit.note(db, here.actor, "password set", name)


def end_sessions(here: AtHand, name: str, *, keep: str | None = None) -> int:
    """Sign a person out everywhere; how many sessions ended."""
    with writing(here.engine) as db:
        ended = sessions.end_all(db, _row(db, name).id, keep)
        audit.note(db, here.actor, "sessions ended", name, {"sessions": ended})
    return ended


def fitting(companies: Sequence[str] | None) -> list[str] | None:
    """Company ids, once each; None for all. Raises: ConfigError for what is no id."""
    if companies is None:
        return None
    wanted = list(dict.fromkeys(one.strip() for one in companies if one.strip()))
    for one in wanted:
        if not _COMPANY.fullmatch(one):
            raise ConfigError(f'"{one[:40]}" is no company id; an id is a number, as it stands in Procore\'s addresses.')
    if not wanted:
        raise ConfigError("no company was given. Write their ids, or leave it out for all companies.")
    return wanted


def _role(role: str) -> None:
    if role not in ROLES:
        raise ConfigError(f'there is no role "{role[:40]}"{did_you_mean(role, ROLES) or "."} Roles: {", ".join(ROLES)}')


def _row(db: Connection, name: str) -> Any:
    row = users.get(db, name)
    if row is None:
        names = [one.name for one in users.every(db)]
        raise ConfigError(f'there is no user "{name[:80]}"{did_you_mean(name, names) or ". List them: tieback users list"}')
    return row


def _local(row: Any, what: str) -> None:
    if row.subject:
        raise ConfigError(f"{row.name} signs in by the provider and {what}. Change their groups there.")


def _not_the_last(db: Connection) -> None:
    if users.admins(db) == 1:
        raise ConfigError("this is the last administrator of all companies; nobody could add another one. Add one first.")
