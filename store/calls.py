"""What a connector needs kept between calls and processes: its token and the log of its calls."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection, or_, select, update
from sqlalchemy import insert as plain_insert

from config.secrets import Box, Secret
from store.events import insert
from store.models import Call, Token
from store.types import now

_LOG = plain_insert(Call.__table__)  # type: ignore[arg-type]


def place(connector: str) -> str:
    return f"tieback_tokens/sealed/{connector}"


def token(db: Connection, box: Box, connector: str) -> tuple[Secret, dt.datetime] | None:
    row = db.execute(select(Token.sealed, Token.expires_at).where(Token.connector == connector)).first()
    if row is None or row.sealed is None or row.expires_at is None:
        return None
    return box.open(row.sealed, place(connector)), row.expires_at


def keep_token(db: Connection, box: Box, connector: str, value: Secret, lives_s: float) -> None:
    values = {"sealed": box.seal(value, place(connector)), "expires_at": now(lives_s)}
    upsert = insert(db, Token).values({"connector": connector, **values})
    db.execute(upsert.on_conflict_do_update(index_elements=["connector"], set_=values))


def forget_token(db: Connection, connector: str) -> None:
    db.execute(update(Token).where(Token.connector == connector).values(sealed=None, expires_at=None))


def lock_token(db: Connection, connector: str, holder: str, for_s: float) -> bool:
    """True when `holder` may ask for a new token now; the lock falls by itself after `for_s` seconds."""
    db.execute(insert(db, Token).values({"connector": connector}).on_conflict_do_nothing())
    free = or_(Token.fetching_until.is_(None), Token.fetching_until < now(), Token.holder == holder)
    taken = db.execute(update(Token).where(Token.connector == connector, free).values(holder=holder, fetching_until=now(for_s)))
    return taken.rowcount == 1


def unlock_token(db: Connection, connector: str, holder: str) -> None:
    db.execute(update(Token).where(Token.connector == connector, Token.holder == holder).values(holder=None, fetching_until=None))


def log_calls(db: Connection, rows: list[dict[str, Any]]) -> None:
    if rows:
        db.execute(_LOG, rows)
