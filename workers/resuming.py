"""An automation that was paused for a while goes on by itself."""

from __future__ import annotations

from store import audit, definitions
from store.session import writing
from workers.desk import Desk

KIND = "resume"
_OF = "automation "


def subject(automation: str) -> str:
    """The timer's, which no connector of the same name shares."""
    return f"{_OF}{automation}"


def look(desk: Desk, subject: str) -> None:
    """The timer's work. One that was resumed by a person meanwhile stays as it is."""
    name = subject.removeprefix(_OF)
    with writing(desk.engine) as db:
        if name in definitions.in_state(db, "paused") and definitions.set_state(db, name, "active"):
            audit.note(db, "timer", "automation resumed", name, {"reason": "it was paused for a while, which is over"})
            definitions.changed(db)
