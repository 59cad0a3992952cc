"""A database that was restored knows nothing of what was done after its backup: until proven otherwise that may be anything.

So an effect of which the ledger says nothing, about an event from before the restoration, is treated as one whose outcome was
lost: its policy decides whether it is repeated, looked up first, or left to a person.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Connection, select

from store import definitions
from store.models import Effect
from store.types import now

FACT = "restored_at"


def note(db: Connection) -> dt.datetime:
    """This database is a copy that was put back just now."""
    moment: dt.datetime | None = db.scalar(select(now()))
    assert moment is not None
    definitions.set_fact(db, FACT, moment.isoformat())
    return moment


def may_have_been_made(db: Connection, effect_key: str, event_at: dt.datetime) -> bool:
    """Asked before the intent is written. What a person has settled is in the ledger, and no longer in doubt."""
    kept = definitions.fact(db, FACT, "")
    if not kept or event_at > dt.datetime.fromisoformat(kept):
        return False
    return db.scalar(select(Effect.id).where(Effect.effect_key == effect_key)) is None
