"""What a person holds back in an emergency: every change outside, or one automation."""

from __future__ import annotations

from typing import Any

from config.errors import ConfigError
from config.problems import did_you_mean
from console.verbs import holding
from console.verbs.at_hand import AtHand, NotThere
from store import audit, definitions, switch
from store.session import reading, writing
from workers import resuming


def pause_effects(here: AtHand, reason: str) -> None:
    """No change goes out from now on; reads, rows and files of our own go on. Raises: ConfigError when it is so already."""
    with writing(here.engine) as db:
        if (held := switch.held(db)) is not None:
            raise ConfigError(f"{held}. They stay so.")
        switch.pause(db, here.actor, reason[:500])
        audit.note(db, here.actor, "effects paused", "", {"reason": reason[:500]})


def resume_effects(here: AtHand) -> int:
    """How many runs that waited are due now. Raises: ConfigError when nothing is paused."""
    with writing(here.engine) as db:
        if switch.state(db) is None:
            raise ConfigError("changes outside are not paused.")
        waiting = switch.resume(db)
        audit.note(db, here.actor, "effects resumed", "", {"runs": waiting})
        return waiting


def effects_paused(here: AtHand) -> dict[str, Any] | None:
    with reading(here.engine) as db:
        return switch.state(db)


def pause_automation(here: AtHand, name: str, reason: str, for_s: float | None = None) -> None:
    """It hears no event until it is resumed, by itself after `for_s` seconds; runs that have begun go on. Raises: ConfigError."""
    detail = {"reason": holding.said_why(reason, "the automation")}
    holding.within(for_s)
    _set(here, name, "paused", detail, for_s)


def resume_automation(here: AtHand, name: str) -> None:
    """Raises: ConfigError when it is not paused."""
    _set(here, name, "active", None, None)


def _set(here: AtHand, name: str, state: str, detail: dict[str, Any] | None, for_s: float | None) -> None:
    with writing(here.engine) as db:
        names = {row.name: row.state for row in definitions.every(db)}
        if name not in names:
            raise NotThere(
                f'there is no automation "{name[:80]}"{did_you_mean(name, names) or "."} List them: tieback rules list'
            )
        if not resuming.change(db, "automation", name, state, here.actor, detail, for_s):
            raise ConfigError(f"the automation {name} is {names[name]} already.")
