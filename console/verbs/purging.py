"""Taking away what has served its time, by command."""

from __future__ import annotations

import re

from automations import definition
from config.errors import ConfigError
from console.verbs.at_hand import AtHand
from store import audit, definitions
from store.session import reading, writing
from workers import company_purging, purging
from workers.company_purging import Purged


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


def may_go(here: AtHand, id: str) -> None:
    """Before a person is asked. Raises: ConfigError, with what to do, while the company has a connector or work under way."""
    _checked(id)
    company_purging.refuse(here.engine, here.settings, id)


def company(here: AtHand, id: str, *, dry: bool) -> Purged:
    """All that came from one company. Raises: ConfigError as `may_go`."""
    if dry:
        return company_purging.purge(here.engine, here.settings, _checked(id), dry=True)
    may_go(here, id)
    with writing(here.engine) as db:  # before it, so that one that is ended half way has left its trace
        audit.note(db, here.actor, "company purge begun", id)
    done = company_purging.purge(here.engine, here.settings, id)
    with writing(here.engine) as db:
        audit.note(db, here.actor, "company purged", id, {name: count for name, count in done.gone.items() if count})
    return done


def _checked(id: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{0,39}", id):
        raise ConfigError(f'"{id[:40]}" is no id of a company: it is a number, as `tieback connector list` shows it.')
    return id
