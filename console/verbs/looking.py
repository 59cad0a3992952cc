"""Runs, events, deliveries, effects and records as a person looks for them, within what they may see."""

from __future__ import annotations

import re
from typing import Any

from connectors import catalogue
from console.verbs import fitting
from console.verbs.at_hand import AtHand, NotThere
from store import searching
from store.session import reading

Dict = dict[str, Any]


def runs(here: AtHand, limit: int, before: int | None = None, **asked: Any) -> list[Dict]:
    """`asked` as in `store.searching.runs`. Raises: Misfit for a filter that does not fit; so do the other lists."""
    runs_fit(asked)
    with reading(here.engine) as db:
        return searching.runs(db, here.only, limit, before, **asked)


def runs_fit(asked: Dict) -> None:
    """Raises: Misfit for a filter of runs that does not fit."""
    fitting.check(fitting.RUNS, asked)
    for name in ("operation", "event_id"):
        fitting.number(name, asked.get(name))


def events(here: AtHand, limit: int, before: int | None = None, **asked: Any) -> list[Dict]:
    fitting.check(fitting.EVENTS, asked)
    with reading(here.engine) as db:
        return searching.events(db, here.only, limit, before, **asked)


def deliveries(here: AtHand, limit: int, before: int | None = None, **asked: Any) -> list[Dict]:
    fitting.check(fitting.DELIVERIES, asked)
    with reading(here.engine) as db:
        return searching.deliveries(db, here.only, limit, before, **asked)


def effects(here: AtHand, limit: int, before: int | None = None, **asked: Any) -> list[Dict]:
    fitting.check(fitting.EFFECTS, asked)
    with reading(here.engine) as db:
        return searching.effects(db, here.only, limit, before, **asked)


MOST_RECORDS = 50


def find(here: AtHand, text: str) -> list[Dict]:
    """The records that `RFI 123`, `submittals 03 30 00-1`, an id or a title may mean: the newest copy of each."""
    resource, rest = _resource_in(text)
    with reading(here.engine) as db:
        found = searching.records(db, here.only, resource, rest, MOST_RECORDS)
        if not found and resource is not None:
            found = searching.records(db, here.only, None, text, MOST_RECORDS)
    return [{**row, "title": title(row["body"])} for row in found]


def _resource_in(text: str) -> tuple[str | None, str]:
    """The resource that the first words name, and what is left; None when they name none."""
    words = " ".join(text.split()).split(" ")
    for count in range(min(4, len(words) - 1), 0, -1):
        if (name := _named(" ".join(words[:count]))) is not None:
            return name, " ".join(words[count:]).lstrip("#")
    return None, text.strip().lstrip("#")


def _named(words: str) -> str | None:
    """`rfi`, `RFIs`, `punch item`: the catalogue's name, singular or plural, whatever the case."""
    wanted = re.sub(r"[\s_]+", " ", words).strip().lower()
    for name in catalogue.names():
        known = name.lower()
        if wanted in (known, known.removesuffix("s")) or wanted + "s" == known:
            return name
    return None


def title(body: Any) -> str:
    """What people call a record: its number and its title."""
    if not isinstance(body, dict):
        return ""
    parts = [body.get(name) for name in ("number", "formatted_number", "position") if body.get(name)][:1]
    parts += [body.get(name) for name in ("subject", "title", "name", "description") if body.get(name)][:1]
    return " ".join(str(one) for one in parts if not isinstance(one, (dict, list)))[:200]


def record(here: AtHand, connector: str, resource: str, record_id: str) -> Dict:
    """Everything that ever happened to a record: copies with what changed between them, events, runs, effects.

    Raises: NotThere when nothing is known of it.
    """
    if not here.sees(connector):
        raise NotThere(f"nothing is known of {resource} {record_id}.")
    about: Dict = {"connector": connector, "resource": resource, "record": record_id}
    with reading(here.engine) as db:
        known = searching.copies(db, connector, resource, record_id, 50)
        copies = [one for one in known if here.sees(connector, one["company_id"])]
        events = searching.events(db, here.only, 100, **about)
        runs = searching.runs(db, here.only, 100, **about)
        effects = [one for run in runs[:50] for one in searching.effects(db, here.only, 50, run_id=run["id"])]
    if not (copies or events):
        raise NotThere(f"nothing is known of {resource} {record_id}.")
    for newer, before in zip(copies, [*copies[1:], None], strict=True):
        newer["changed"] = None if before is None else differences(before["body"], newer["body"])
    return {**about, "title": title(copies[0]["body"]) if copies else "", "copies": copies, "events": events, "runs": runs,
            "effects": effects}  # fmt: skip


MOST_DIFFERENCES = 40


def differences(before: Any, after: Any, path: str = "") -> list[Dict]:
    """The fields that differ between two copies: `path`, `before`, `after`."""
    if isinstance(before, dict) and isinstance(after, dict):
        found: list[Dict] = []
        for key in dict.fromkeys((*before, *after)):
            if before.get(key) != after.get(key):
                found += differences(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
        return found[:MOST_DIFFERENCES]
    return [{"path": path, "before": before, "after": after}]
