"""Who changed what."""

from __future__ import annotations

from typing import Any

from console.verbs.at_hand import AtHand
from store import audit
from store.session import reading


def newest(here: AtHand, limit: int) -> list[dict[str, Any]]:
    with reading(here.engine) as db:
        return [dict(row._mapping) for row in audit.newest(db, limit)]


def found(here: AtHand, limit: int, before: int | None = None, **asked: str | None) -> list[dict[str, Any]]:
    """Changes newest first; `asked`: parts of actor, verb, subject."""
    with reading(here.engine) as db:
        return [dict(row._mapping) for row in audit.found(db, limit, before, **asked)]


def broken_at(here: AtHand) -> int | None:
    """The id of the first row that was altered or follows a missing one; None when the chain holds."""
    with reading(here.engine) as db:
        return audit.broken_at(db)
