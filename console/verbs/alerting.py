"""What is not as it should be, from when it was noticed until it was over, and who has seen it."""

from __future__ import annotations

from typing import Any

from config.errors import ConfigError
from console.verbs.at_hand import AtHand
from store import alerts, audit
from store.session import reading, writing


def listed(here: AtHand, limit: int, state: str | None = None) -> list[dict[str, Any]]:
    """The newest first; `state` is open or resolved, None both."""
    with reading(here.engine) as db:
        return [dict(row._mapping) for row in alerts.every(db, state=state, limit=limit)]


def ack(here: AtHand, id: int, note: str) -> None:
    """Say that somebody looks after it. Raises: ConfigError when there is no open one of this id."""
    with writing(here.engine) as db:
        if not alerts.ack(db, id, here.actor, note[:1000] or None):
            raise ConfigError(f"there is no open alert {id}. List them: tieback alerts list")
        audit.note(db, here.actor, "alert acknowledged", str(id), {"note": note[:1000]} if note else None)
