"""Failures by cause: one line for what four hundred runs have in common, with what people said of it."""

from __future__ import annotations

from typing import Any

from config.errors import ConfigError
from console.verbs.at_hand import AtHand, NotThere
from store import audit, causes
from store.session import reading, writing

Dict = dict[str, Any]
HOURS = 7 * 24.0
STATES = ("acknowledged", "ignored", "open")


def groups(here: AtHand, hours: float = HOURS) -> list[Dict]:
    """The causes of what failed or was put aside lately, those with most runs first; open ones before the others.

    `newest` is the newest such run. `fresh` counts those since somebody acknowledged the cause.
    """
    with reading(here.engine) as db:
        found: dict[str, Dict] = {}
        for row in causes.groups(db, here.only, 3600.0 * hours):
            _add(found, row)
        told = causes.examples(db, [group["newest"] for group in found.values()])
        said = causes.every(db)
        for cause, group in found.items():
            group["kind"], group["message"] = told.get(group["newest"], ("gone", "its run is not kept any more"))
            group |= {"state": "open", "note": "", "by": None, "at": None, "fresh": group["count"]}
            if (mark := said.get(cause)) is not None:
                since = causes.fresh(db, here.only, cause, mark.at)
                group |= {"state": mark.state, "note": mark.note, "by": mark.by, "at": mark.at, "fresh": since}
    return sorted(found.values(), key=lambda one: (one["state"] != "open", -one["count"]))


def _add(found: dict[str, Dict], row: Any) -> None:
    empty = {"cause": row.cause, "kind": "", "message": "", "count": 0, "automations": {}, "connectors": {},
             "first": row.first, "last": row.last, "newest": row.newest}  # fmt: skip
    group = found.setdefault(row.cause, empty)
    group["count"] += row.runs
    group["first"] = min(group["first"], row.first)
    group["last"] = max(group["last"], row.last)
    group["newest"] = max(group["newest"], row.newest)
    for name, value in (("automations", row.automation), ("connectors", row.connector)):
        group[name][value] = group[name].get(value, 0) + row.runs


def group(here: AtHand, cause: str) -> Dict:
    """Raises: NotThere when nothing failed so lately."""
    for one in groups(here):
        if one["cause"] == cause:
            return one
    raise NotThere("nothing has failed for this cause within the last week.")


def mark(here: AtHand, cause: str, state: str, note: str) -> None:
    """Say of a cause that it is known, or to be ignored, or open again."""
    if state not in STATES:
        raise ConfigError(f'"{state[:40]}" is no state of a cause. There are: {", ".join(STATES)}')
    found = group(here, cause)
    with writing(here.engine) as db:
        if state == "open":
            causes.reopen(db, cause)
        else:
            causes.put(db, cause, state, note[:1000], here.actor)
        audit.note(db, here.actor, f"cause {state}", cause, {"kind": found["kind"][:64], "note": note[:1000]})
