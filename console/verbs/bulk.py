"""Trying again all runs that a filter finds: counted first, the newest first, never without a filter."""

from __future__ import annotations

from typing import Any

from config.errors import ConfigError
from console.verbs.at_hand import AtHand
from store import audit, runs, searching
from store.session import reading, writing

AGAIN = ("failed", "parked", "cancelled")
MOST_COUNTED = 10_000
MOST_AT_ONCE = 500


def count(here: AtHand, **asked: Any) -> int:
    """How many runs of this filter can be tried again, counted to ten thousand at most. Raises: ConfigError without a filter."""
    return len(_ids(here, MOST_COUNTED, asked))


def retry(here: AtHand, most: int, **asked: Any) -> int:
    """Make the newest of them due again, at most so many; how many it were. Raises: ConfigError without a filter."""
    ids = _ids(here, min(most, MOST_AT_ONCE), asked)
    with writing(here.engine) as db:
        again = [id for id in ids if runs.again(db, id)]
        kept = {name: value for name, value in asked.items() if value}
        audit.note(db, here.actor, "runs retried", "by filter", {"filter": kept, "runs": len(again), "first": again[:10]})
    return len(again)


def _ids(here: AtHand, limit: int, asked: dict[str, Any]) -> list[int]:
    state = asked.get("state")
    if state not in AGAIN:
        raise ConfigError(f"say which runs are meant: a state ({', '.join(AGAIN)}), and what else tells them apart.")
    with reading(here.engine) as db:
        return searching.run_ids(db, here.only, limit, **asked)
