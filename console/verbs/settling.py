"""Effects of which nobody knows whether they happened: a person looks at the far end, and says."""

from __future__ import annotations

from typing import Any

from config.errors import ConfigError
from console.verbs.at_hand import AtHand, NotThere
from store import audit, runs
from store.session import writing

APPLIED, NOT_APPLIED, GIVE_UP = "applied", "not applied", "give up"
OUTCOMES = (APPLIED, NOT_APPLIED, GIVE_UP)


def settle(here: AtHand, id: int, outcome: str, note: str = "", answer: Any = None) -> str:
    """What became of the effect's run.

    `applied`: it happened; the run goes on behind it, with `answer` (JSON) as what the far end said. `not applied`: it did
    not; the run makes it again. `give up`: it is not made again, and the run ends.
    Raises: NotThere, ConfigError when nothing is in doubt, or its run is at work.
    """
    if outcome not in OUTCOMES:
        raise ConfigError(f'"{outcome[:40]}" is no outcome. Say one of: {", ".join(OUTCOMES)}')
    if answer is not None and outcome != APPLIED:
        raise ConfigError("an answer belongs to what was applied. Leave it out.")
    with writing(here.engine) as db:
        effect = runs.effect(db, id)
        run = runs.get(db, effect.run_id) if effect is not None else None
        if effect is None or run is None or not here.sees(run.connector, runs.company(db, run.id)):
            raise NotThere(f"there is no effect {id}. List them: tieback effects list --state uncertain")
        if effect.state not in ("intent", "uncertain"):
            raise ConfigError(f"effect {id} is {effect.state} already; only one that is in doubt can be settled.")
        if run.state == "running":
            raise ConfigError(f"run {run.id} is at work on it right now. Wait until it has ended.")
        said = {"settled_by": here.actor, "note": note[:1000]}
        runs.settle(db, effect.effect_key, "applied" if outcome == APPLIED else "failed", said if answer is None else answer)
        audit.note(db, here.actor, "effect settled", str(id), {"outcome": outcome, "run": effect.run_id, "note": note[:1000]})
        return _run_after(here, db, effect.run_id, outcome, note)


def _run_after(here: AtHand, db: Any, run_id: int, outcome: str, note: str) -> str:
    if outcome != GIVE_UP:
        if runs.again(db, run_id):
            return f"run {run_id} is due again and {'goes on behind it' if outcome == APPLIED else 'makes it again'}"
        return f"run {run_id} has not been put aside for it and is left as it is"
    why = f"given up by {here.actor}" + (f": {note[:300]}" if note else "")
    if runs.cancel(db, run_id, why):
        return f"run {run_id} is cancelled"
    return f"run {run_id} has ended already and is left as it is"
