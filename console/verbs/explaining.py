"""Why an automation did what it did with an event."""

from __future__ import annotations

from typing import Any

from config.errors import ConfigError
from config.problems import did_you_mean
from console.verbs.at_hand import AtHand, NotThere
from store import tracing
from store.session import reading
from workers import explaining
from workers.explaining import Explanation as Explanation
from workers.loaded import site_tables


def explain(here: AtHand, name: str, event_id: int, version: str | None = None) -> Explanation:
    """`version` is the beginning of a version's hash: that version is asked about the event, whatever happened.

    Raises: NotThere when there is no such automation, event or version.
    """
    with reading(here.engine) as db:
        names = tracing.names(db)
        if name not in names:
            raise NotThere(
                f'there is no automation "{name[:80]}"{did_you_mean(name, names) or "."} List them: tieback rules list'
            )
        event = tracing.event(db, event_id)
        if event is None:
            raise NotThere(f"there is no event {event_id}. List them: tieback events list")
        return explaining.explain(db, name, event, site_tables(db), _version(db, name, version))


def _version(db: Any, name: str, asked: str | None) -> Any | None:
    if asked is None:
        return None
    known = tracing.versions(db, name)
    found = [one for one in known if one.hash.startswith(asked.lower())] if asked else []
    if not found:
        there = ", ".join(one.hash[:8] for one in known[:10]) or "none"
        raise NotThere(f'{name} never had a version "{asked[:70]}"; there are {there}')
    if len(found) > 1:
        raise ConfigError(f"several versions of {name} begin with {asked}; write more of its hash.")
    return found[0]
