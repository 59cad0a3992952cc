"""Bearer tokens for other programs: shown once, kept as a digest."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from sqlalchemy import Connection, insert, select, update

from store.models import ApiToken
from store.types import now


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def add(db: Connection, name: str, scopes: list[str]) -> str:
    """A new token in clear; it cannot be shown again. 256 random bits, so a plain digest is enough."""
    token = "tb_" + secrets.token_urlsafe(32)
    db.execute(insert(ApiToken).values(name=name, digest=_digest(token), scopes=scopes))
    return token


def allows(db: Connection, token: str, scope: str) -> str | None:
    """The token's name when it is valid and has this scope."""
    row = db.execute(select(ApiToken.__table__).where(ApiToken.digest == _digest(token), ApiToken.revoked_at.is_(None))).first()
    return row.name if row is not None and scope in row.scopes else None


def find(db: Connection, token: str) -> Any | None:
    """A valid token's `name` and `scopes`."""
    valid = (ApiToken.digest == _digest(token), ApiToken.revoked_at.is_(None))
    return db.execute(select(ApiToken.id, ApiToken.name, ApiToken.scopes, ApiToken.used_at).where(*valid)).first()


def revoke(db: Connection, name: str) -> bool:
    done = db.execute(update(ApiToken).where(ApiToken.name == name, ApiToken.revoked_at.is_(None)).values(revoked_at=now()))
    return done.rowcount == 1
