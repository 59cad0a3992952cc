"""What a person does to runs. No bell is rung: the relay finds what is due a moment later."""

from __future__ import annotations

from sqlalchemy import Connection

from config.errors import ConfigError
from console.verbs.at_hand import AtHand, NotThere
from store import audit, runs
from store.session import writing
from workers import finishing
from workers.pausing import paused_reason


def retry(here: AtHand, id: int, *, through: bool = False) -> None:
    """Make a failed, parked or cancelled run due again.

    `through`: it, and the read that it needs, pass while their lane or connector is paused, so that one can be tested; then
    a waiting run will do as well. Raises: ConfigError when it is in another state.
    """
    with writing(here.engine) as db:
        state = _state(here, db, id)
        again = runs.again(db, id)
        row = runs.get(db, id)
        if through and row is not None and runs.through(db, id, paused_reason(row.connector)):
            audit.note(db, here.actor, "run let through a pause", str(id))
            return
        if not again:
            if state in runs.AGAIN:
                raise ConfigError(
                    f"of run {id} only a line is left: what it had done already was purged, so it cannot go on from there."
                )
            raise ConfigError(f"run {id} is {state}; only one that is failed, parked or cancelled can be tried again.")
        audit.note(db, here.actor, "run retried", str(id))


def cancel(here: AtHand, id: int, reason: str) -> None:
    """End a run: at once when it waits or is parked, before its next step when it is running.

    Raises: ConfigError when it is finished.
    """
    with writing(here.engine) as db:
        state = _state(here, db, id)
        if not finishing.cancel(db, id, reason):
            raise ConfigError(f"run {id} is {state} already; there is nothing left to cancel.")
        audit.note(db, here.actor, "run cancelled", str(id), {"reason": reason})


def _state(here: AtHand, db: Connection, id: int) -> str:
    row = runs.get(db, id)
    if row is None or not here.sees(row.connector, runs.company(db, id)):
        raise NotThere(f"there is no run {id}. List them: tieback runs list")
    return str(row.state)
