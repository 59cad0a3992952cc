"""Looking for what webhooks missed, as an operator asks for it, and what came of earlier looks."""

from __future__ import annotations

import datetime as dt
from typing import Any

from config.errors import ConfigError, TiebackError
from console.verbs import connected, hooking
from console.verbs.at_hand import AtHand
from console.verbs.importing import desk
from store import audit, repairs, timers
from store.session import reading, writing
from workers import comparing, repair, sweeps
from workers.desk import Desk

Dict = dict[str, Any]


def look(here: AtHand, name: str | None, *, since: dt.datetime | None, sweep: bool, ids: bool) -> tuple[list[Dict], list[str]]:
    """Ask for one connector or all: the reports, and a sentence for each look that did not end."""
    done: list[Dict] = []
    troubles: list[str] = []
    with desk(here) as at:
        for one in hooking.names(here, name):
            if at.loaded.paused(one):
                raise ConfigError(f"connector {one} is paused, so nothing is called. Run: tieback connector resume {one}")
            with writing(here.engine) as db:
                audit.note(db, here.actor, "repair asked for", one, {"sweep": sweep, "ids": ids})
            for kind in ("deliveries", *(["sweep"] if sweep else []), *(["ids"] if ids else [])):
                try:
                    done.append(_shown(here, vars(_look(at, one, kind, since))))
                except TiebackError as error:
                    troubles.append(str(error) if one in str(error) else f"{one}: {error}")
    return done, troubles


def ask(here: AtHand, name: str, *, sweep: bool = False, ids: bool = False) -> list[str]:
    """Let a worker look within seconds, as it does by itself; what it looks at. Each look is a row of `listed`, also while it
    goes on. Raises: NotThere; ConfigError when the connector is paused.
    """
    if connected.existing(here, name).state == "paused":
        raise ConfigError(f"connector {name} is paused, so nothing is called. Resume it first.")
    kinds = ["repair", *(["sweep"] if sweep else []), *(["ids"] if ids else [])]
    with writing(here.engine) as db:
        for kind in kinds:
            timers.sooner(db, kind, name, in_s=0.0)
        audit.note(db, here.actor, "repair asked for", name, {"sweep": sweep, "ids": ids})
    return ["what Procore could not deliver", *(["what changed"] if sweep else []), *(["every id"] if ids else [])]


def _look(at: Desk, name: str, kind: str, since: dt.datetime | None) -> repair.Report:
    if kind == "deliveries":
        return repair.look(at, name, since=since)
    return sweeps.sweep(at, name, since=since) if kind == "sweep" else comparing.compare(at, name)


def listed(here: AtHand, name: str | None, limit: int) -> list[Dict]:
    """Earlier looks, newest first."""
    if name is not None:
        hooking.names(here, name)
    with reading(here.engine) as db:
        rows = [dict(row._mapping) for row in repairs.listed(db, limit=limit, connector=name, only=here.only)]
    return [_shown(here, row) for row in rows]


def _shown(here: AtHand, row: Dict) -> Dict:
    """A look; what was brought in and could not be read since then counts as unrepairable, with what Procore did."""
    items = [dict(item) for item in row.get("items") or []]
    keys = [item["key"] for item in items if item.get("outcome") == "repaired" and item.get("key")]
    with reading(here.engine) as db:
        became = repairs.became(db, row["connector"], keys) if keys else {}
    lost = 0
    for item in items:
        state, reason = became.get(item.get("key", ""), ("", None))
        if state == "unread":
            lost += 1
            item |= {"outcome": "unrepairable", "reason": "; ".join(part for part in (_did(item), reason) if part)}
    return {**row, "items": items, "repaired": row["repaired"] - lost, "unrepairable": row["unrepairable"] + lost}


def _did(item: Dict) -> str:
    if not item.get("status"):
        return ""
    return f"Procore says {item['status']}" + (f", last tried {item['at']}" if item.get("at") else "")
