"""What the ledger knows of a destination: when something last went there, and when it last did not."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from store.models import Effect, Gathered


def last(db: Connection, name: str) -> dict[str, Any]:
    """`last_ok_at`, `last_failed_at` and `last_error` of a destination such as `slack:ops`; None where it is not known."""
    fine = _newest(db, name, Effect.state == "applied")
    bad = _newest(db, name, Effect.state.in_(("failed", "uncertain")))
    told = bad.response.get("error") if bad is not None and isinstance(bad.response, dict) else None
    return {
        "last_ok_at": fine.settled_at if fine is not None else None,
        "last_failed_at": bad.settled_at if bad is not None else None,
        "last_error": told or ("nobody can tell whether it arrived" if bad is not None and bad.state == "uncertain" else None),
    }


def _newest(db: Connection, name: str, of: ColumnElement[bool]) -> Any | None:
    """Of effects whose target is the destination itself, or begins with it (`http:erp POST /rfis`)."""
    found: list[Any] = []
    for here in (Effect.target == name, Effect.target.startswith(f"{name} ", autoescape=True)):
        newest = select(Effect.state, Effect.response, Effect.settled_at).where(here, of, Effect.settled_at.is_not(None))
        found += db.execute(newest.order_by(Effect.id.desc()).limit(1)).all()
    return max(found, key=lambda row: row.settled_at, default=None)


def waiting(db: Connection) -> dict[str, int]:
    """How many messages wait for a digest, by destination."""
    counted = select(Gathered.destination, func.count()).where(Gathered.sent_at.is_(None)).group_by(Gathered.destination)
    return {row[0]: row[1] for row in db.execute(counted)}
