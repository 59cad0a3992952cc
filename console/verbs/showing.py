"""Lists and single things to look at. Lists are newest first; a single one comes with its whole story."""

from __future__ import annotations

from typing import Any

from config.errors import ConfigError
from config.problems import did_you_mean
from console.verbs.at_hand import AtHand, NotThere
from store import definitions, listings, records, runs, tracing
from store import events as kept_events
from store.session import reading

Dict = dict[str, Any]


def events(here: AtHand, *, limit: int, state: str | None = None, connector: str | None = None) -> list[Dict]:
    with reading(here.engine) as db:
        return listings.events(db, limit=limit, state=state, connector=connector)


def deliveries(here: AtHand, *, limit: int, state: str | None = None, connector: str | None = None) -> list[Dict]:
    with reading(here.engine) as db:
        return listings.deliveries(db, limit=limit, state=state, connector=connector)


def event(here: AtHand, id: int) -> Dict:
    """The event with the delivery that brought it and the runs it set off. Raises: NotThere when there is none."""
    with reading(here.engine) as db:
        found = listings.event(db, id)
        if found is None or not here.sees(found["connector"], found["company_id"]):
            raise NotThere(f"there is no event {id}. List them: tieback events list")
        found["delivery"] = listings.delivery(db, found["delivery_id"]) if found["delivery_id"] else None
        found["runs"] = listings.runs(db, limit=1000, event_id=id)
    return found


def delivery(here: AtHand, id: int) -> Dict:
    """The delivery as it came, with the events it brought. Raises: NotThere when there is none."""
    with reading(here.engine) as db:
        found = listings.delivery(db, id)
        if found is None or not here.sees(found["connector"]):
            raise NotThere(f"there is no delivery {id}. List them: tieback deliveries list")
        return {**found, "events": [dict(row._mapping) for row in kept_events.of_delivery(db, id)]}


def run_list(here: AtHand, *, limit: int, **only: Any) -> list[Dict]:
    with reading(here.engine) as db:
        return listings.runs(db, limit=limit, **only)


def run(here: AtHand, id: int) -> Dict:
    """The run with event, version, copies, steps, calls and effects. Raises: NotThere when there is none."""
    with reading(here.engine) as db:
        found = listings.run(db, id)
        if found is None or not here.sees(found["connector"], runs.company(db, id)):
            raise NotThere(f"there is no run {id}. List them: tieback runs list")
        version = definitions.version(db, found["version_id"])
        return {
            **found,
            "event": _without(listings.event(db, found["event_id"]), "raw"),
            "version": {"hash": version.hash, "file": version.file},
            "copies": {name: _copy(db, found[f"{name}_id"]) for name in ("before", "after")},
            "steps": [dict(step._mapping) for step in runs.steps(db, id)],
            "calls": listings.calls(db, run_id=id, fetch_id=found["fetch_id"]),
            "effects": [dict(effect._mapping) for effect in runs.effects(db, id)],
            "gathered_events": tracing.gathered(db, id),
            "questions": [dict(one._mapping) for one in tracing.questions(db, id)],
        }


def _without(row: Dict | None, *names: str) -> Dict | None:
    return None if row is None else {key: value for key, value in row.items() if key not in names}


def _copy(db: Any, id: int | None) -> Dict | None:
    row = records.get(db, id) if id else None
    return None if row is None else _without(dict(row._mapping), "body")


def record(here: AtHand, resource: str, record_id: str, *, connector: str | None, limit: int) -> list[Dict]:
    """Our copies of one record. Raises: ConfigError when we have none."""
    with reading(here.engine) as db:
        found = listings.copies(db, resource, record_id, connector, limit)
    if not found:
        raise ConfigError(_no_copy(resource, record_id))
    return found


def _no_copy(resource: str, record_id: str) -> str:
    from connectors import catalogue  # a list does not need it

    mend = did_you_mean(resource, catalogue.names()) if catalogue.resource(resource) is None else ""
    if mend:
        return f'there is no resource "{resource}"{mend}'
    return f"there is no copy of {resource} {record_id}. A copy is kept when an automation needs the record."


def effects(here: AtHand, *, limit: int, state: str | None = None) -> list[Dict]:
    with reading(here.engine) as db:
        return listings.effects(db, limit=limit, state=state)


def queues(here: AtHand) -> list[Dict]:
    with reading(here.engine) as db:
        return listings.queues(db)
