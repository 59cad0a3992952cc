"""Taking away what has served its time, by command."""

from __future__ import annotations

from automations import definition
from console.verbs.at_hand import AtHand
from store import audit, definitions
from store.session import reading, writing
from workers import purging


def purge(here: AtHand, days: int | None, *, dry: bool) -> dict[str, int]:
    """How much of each kind is gone, or with `dry` would be."""
    kept_days = here.settings.retention_days if days is None else days
    with reading(here.engine) as db:
        rules = [definition.reload(one.source, one.file) for one in definitions.active(db)]
    longest_s = purging.longest_throttle_s(rules)
    gone = dict(purging.purge(here.engine, here.settings.files_root, kept_days, longest_s, dry=dry))
    if not dry:
        with writing(here.engine) as db:
            audit.note(db, here.actor, "old work purged", f"{kept_days} days", gone)
    return gone
