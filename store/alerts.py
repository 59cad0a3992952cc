"""What is not as it should be: one open row per kind and subject, from when it was noticed until it was over."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy import insert as plain_insert

from store.models import Alert
from store.types import now


def raise_(db: Connection, kind: str, subject: str, message: str) -> bool:
    """Note that something is wrong. True when that is news."""
    same = (Alert.kind == kind, Alert.subject == subject, Alert.state == "open")
    if db.execute(update(Alert).where(*same).values(message=message)).rowcount:
        return False
    db.execute(plain_insert(Alert).values(kind=kind, subject=subject, message=message, state="open", since=now()))
    return True


def clear(db: Connection, kind: str, subject: str) -> bool:
    """It is well again. True when that is news."""
    same = (Alert.kind == kind, Alert.subject == subject, Alert.state == "open")
    return db.execute(update(Alert).where(*same).values(state="resolved", resolved_at=now())).rowcount > 0


def every(db: Connection, *, state: str | None = "open", kind: str | None = None, limit: int = 100) -> list[Any]:
    """The newest first."""
    wanted = select(Alert.__table__).order_by(Alert.id.desc()).limit(limit)
    if state is not None:
        wanted = wanted.where(Alert.state == state)
    return list(db.execute(wanted if kind is None else wanted.where(Alert.kind == kind)))


def ack(db: Connection, id: int, by: str, note: str | None) -> bool:
    """A person has seen it. False when there is no open one of this id."""
    seen = update(Alert).where(Alert.id == id, Alert.state == "open").values(acked_by=by, acked_at=now(), note=note)
    return db.execute(seen).rowcount == 1
