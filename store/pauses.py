"""What is held by a person, or by us in self-defence: a row each, looked at before anything goes out."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, select, update

from store.events import insert
from store.models import Automation, Pause, Run
from store.types import now

EFFECTS = "effects"
HELD = "changes outside are paused"


def of_automation(name: str) -> str:
    return f"automation {name}"


def get(db: Connection, subject: str) -> Any | None:
    return db.execute(select(Pause.__table__).where(Pause.subject == subject)).first()


def listed(db: Connection) -> list[Any]:
    return list(db.execute(select(Pause.__table__).order_by(Pause.at)))


def pause(db: Connection, subject: str, actor: str, reason: str) -> bool:
    """False when it is held already: the first reason stays."""
    made = insert(db, Pause).values(subject=subject, actor=actor, reason=reason).on_conflict_do_nothing()
    return db.execute(made).rowcount == 1


def resume(db: Connection, subject: str) -> bool:
    """False when it was not held."""
    return db.execute(delete(Pause).where(Pause.subject == subject)).rowcount == 1


def wake_held(db: Connection) -> int:
    """Make the runs due that waited because changes outside were paused."""
    held = (Run.state == "waiting", Run.reason.startswith(HELD))
    return db.execute(update(Run).where(*held).values(run_after=now(), rung_at=None, reason=None)).rowcount


def set_state(db: Connection, automation: str, state: str, was: str) -> bool:
    """Change an automation from `was` to `state`; False when it was something else."""
    changed = update(Automation).where(Automation.name == automation, Automation.state == was).values(state=state)
    return db.execute(changed).rowcount == 1
