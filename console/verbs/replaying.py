"""Stored events once more for one automation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from automations import definition
from automations.parts import Automation
from config.errors import ConfigError
from config.problems import did_you_mean
from console.verbs.at_hand import AtHand, NotThere
from store import audit, definitions, replays, tracing
from store.session import reading, writing
from workers import replaying
from workers.loaded import site_tables
from workers.replaying import Would as Would

STATES = (*replays.EVENT_STATES, *replays.RUN_STATES)


def would(here: AtHand, name: str, ids: Sequence[int]) -> list[Would]:
    """What a replay would do, event by event; nothing is called or written. Raises: NotThere."""
    with reading(here.engine) as db:
        rule, _ = in_force(db, name)
        tables = site_tables(db)
        return [replaying.would(db, rule, event(db, id), tables) for id in ids]


def live(here: AtHand, name: str, id: int, *, repeat_effects: bool = False) -> int | None:
    """One event at once: its run, which is due; None when no trigger hears it. Raises: NotThere, ConfigError."""
    with writing(here.engine) as db:
        rule, version_id = in_force(db, name)
        if rule.stage == "off":
            raise ConfigError(f"{name} is in stage: off. Write stage: shadow or live.")
        run_id = replaying.live(db, rule, version_id, event(db, id, replays.take), here.actor, repeat_effects=repeat_effects)
        audit.note(db, here.actor, "event replayed", name, {"event": id, "run": run_id, "repeat_effects": repeat_effects})
    return run_id


def rules(here: AtHand) -> list[str]:
    """The automations in force, of which one can hear events once more."""
    with reading(here.engine) as db:
        return [one.name for one in definitions.active(db)]


def in_force(db: Any, name: str) -> tuple[Automation, int]:
    """The automation as it is in force, and its version. Raises: NotThere."""
    active = {one.name: one for one in definitions.active(db)}
    if name not in active:
        mend = did_you_mean(name, active) or ". List them: tieback rules list"
        raise NotThere(f'no automation "{name[:80]}" is in force{mend}')
    return definition.reload(active[name].source, active[name].file), active[name].version_id


def event(db: Any, id: int, get: Callable[[Any, int], Any] = tracing.event) -> Any:
    """One that can be replayed. Raises: NotThere; ConfigError for a replay, and for one that was purged."""
    row = get(db, id)
    if row is None:
        raise NotThere(f"there is no event {id}. List them: tieback events list")
    if row.replays is not None:
        raise ConfigError(f"event {id} is a replay itself; replay event {row.replays}.")
    if row.purged_at is not None:
        raise ConfigError(
            f"what event {id} said was purged on {row.purged_at:%Y-%m-%d}, with the ledger of its effects: they might be made a "
            "second time. TIEBACK_RETENTION_DAYS says how long events can be replayed."
        )
    return row
