"""Sign-ins that went to the provider and are to come back: each may come back once, to the browser that began it."""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from store.models import SignIn
from store.types import now

WITHIN_S = 600


def digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def begin(db: Connection, state: str, visit: str, sealed: str, target: str, address: str) -> None:
    """`sealed` holds nonce and verifier, `visit` is the cookie of the browser, `target` the page it wants."""
    db.execute(delete(SignIn).where(SignIn.begun_at < now(-WITHIN_S)))
    values = {"state": digest(state), "visit": digest(visit), "sealed": sealed, "target": target, "address": address[:64]}
    db.execute(insert(SignIn).values(values))


def open_from(db: Connection, address: str) -> int:
    """How many are under way from an address."""
    lately = (SignIn.address == address[:64], SignIn.begun_at >= now(-WITHIN_S))
    return db.scalar(select(func.count()).select_from(SignIn).where(*lately)) or 0


def take(db: Connection, state: str, visit: str) -> Any | None:
    """The one that was begun with this state by this browser; nobody finds it a second time."""
    here = (SignIn.state == digest(state), SignIn.visit == digest(visit), SignIn.begun_at >= now(-WITHIN_S))
    return db.execute(delete(SignIn).where(*here).returning(SignIn.sealed, SignIn.target)).first()


def place(state: str) -> str:
    """The associated data of what is sealed."""
    return place_of(digest(state))


def place_of(digested: str) -> str:
    return f"tieback_sign_ins/sealed/{digested}"
