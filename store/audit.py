"""Who changed what, in a chain: each row's hash covers the one before it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sqlalchemy import Connection, func, insert, select

from store.models import Audit
from store.types import now


def note(db: Connection, actor: str, verb: str, subject: str, detail: dict[str, Any] | None = None) -> None:
    """Add a row. `actor` is such as `cli:ana`, `relay`, `webhook`; `detail` must hold no secret."""
    if db.dialect.name == "postgresql":
        db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("tieback audit", 0))))
    last = db.scalar(select(Audit.hash).order_by(Audit.id.desc()).limit(1)) or ""
    values = {"actor": actor, "verb": verb, "subject": subject, "detail": detail}
    at = db.execute(select(now())).scalar_one()
    db.execute(insert(Audit).values({**values, "at": at, "hash": _link(last, {**values, "at": at.isoformat()})}))


def broken_at(db: Connection) -> int | None:
    """The id of the first row that does not fit the one before it; None when the chain holds."""
    last = ""
    for row in db.execute(select(Audit.__table__).order_by(Audit.id)):
        values = {"actor": row.actor, "verb": row.verb, "subject": row.subject, "detail": row.detail, "at": row.at.isoformat()}
        if row.hash != _link(last, values):
            return int(row.id)
        last = row.hash
    return None


def newest(db: Connection, limit: int) -> list[Any]:
    return list(db.execute(select(Audit.__table__).order_by(Audit.id.desc()).limit(limit)))


def last(db: Connection, verb: str, subject: str) -> Any | None:
    """The newest row of exactly this."""
    wanted = select(Audit.__table__).where(Audit.verb == verb, Audit.subject == subject)
    return db.execute(wanted.order_by(Audit.id.desc()).limit(1)).first()


def last_reason(db: Connection, verb: str, subject: str) -> tuple[str, str]:
    """Who did this last to the subject, and why; "" when nobody said."""
    row = last(db, verb, subject)
    return ("", "") if row is None else (str(row.actor), str((row.detail or {}).get("reason") or "no reason was given"))


def found(db: Connection, limit: int, before: int | None = None, **asked: str | None) -> list[Any]:
    """Newest first; `asked`: actor, verb, subject, each a part of the text."""
    wanted = select(Audit.__table__).order_by(Audit.id.desc()).limit(limit)
    parts = [getattr(Audit, name).contains(text, autoescape=True) for name, text in asked.items() if text]
    return list(db.execute(wanted.where(*parts, *([Audit.id < before] if before is not None else []))))


def _link(last: str, values: dict[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256((last + text).encode()).hexdigest()
