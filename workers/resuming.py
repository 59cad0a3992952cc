"""An automation or a connector that was paused for a while goes on by itself."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import Connection

from store import audit, connectors, definitions, timers
from store.session import writing
from workers import config_events
from workers.desk import Desk

What = Literal["automation", "connector"]
KIND = "resume"
OVER = "it was paused for a while, which is over"


def subject(what: What, name: str) -> str:
    """The timer's, which nothing else of the same name shares."""
    return f"{what} {name}"


def look(desk: Desk, subject: str) -> None:
    """The timer's work. One that was resumed by a person meanwhile stays as it is."""
    what, _, name = subject.partition(" ")
    with writing(desk.engine) as db:
        if what == "automation" and name in definitions.in_state(db, "paused"):
            _become(db, "automation", name, "active", "timer", {"reason": OVER})
        row = connectors.get(db, name) if what == "connector" else None
        if row is not None and row.state == "paused":
            _become(db, "connector", name, "active", "timer", {"reason": OVER})


def change(
    db: Connection, what: What, name: str, state: str, actor: str, detail: dict[str, Any] | None, for_s: float | None
) -> bool:
    """Pause or resume, with all that follows: audit, event, the timer of its end. False when it is so already.

    `state` is active or paused; `detail` has the reason; a pause ends by itself after `for_s` seconds, None: by hand.
    """
    if not _become(db, what, name, state, actor, detail if for_s is None else {**(detail or {}), "for_s": for_s}):
        return False
    if for_s is None:
        timers.disarm(db, subject(what, name))
    else:
        timers.arm(db, KIND, subject(what, name), in_s=for_s)
    return True


def _become(db: Connection, what: What, name: str, state: str, actor: str, detail: dict[str, Any] | None) -> bool:
    done = "paused" if state == "paused" else "resumed"
    if what == "automation":
        if not definitions.set_state(db, name, state):
            return False
        about = {"automations": [name], "by": actor, "change": done, **(detail or {})}
        config_events.note(db, "automations.changed", name, config_events.SITE, about)
    else:
        connectors.set_state(db, name, state, (detail or {}).get("reason") if state == "paused" else None)
        config_events.note(db, f"connector.{done}", name, actor, detail)
    audit.note(db, actor, f"{what} {done}", name, detail)
    definitions.changed(db)
    return True
