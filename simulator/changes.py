"""What `/_sim/change`, `/_sim/burst` and `/_sim/fanout` do: somebody changes records, and webhooks follow."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import islice
from typing import Any

from simulator import wishes
from simulator.records import Json, Record
from simulator.table import Row
from simulator.wishes import Nonsense
from simulator.world import World

FIELDS = ("resource", "verb", "project_id", "company_id", "id", "fields", "count")
FANOUT_FIELDS = ("resource", "verb", "events", "records", "project_ids", "company_id")
_VERBS = ("create", "update", "delete")


def change(world: World, wish: Json) -> list[int]:
    """The ids of the records, once they are changed; sending follows."""
    row, verb, count = wishes.resource(wish), wish.get("verb"), wishes.whole(wish, "count", 1) or 1
    if verb not in _VERBS:
        raise Nonsense(f"verb is create, update or delete, not {verb!r}.")
    fields = wish.get("fields") or {}
    if not isinstance(fields, dict):
        raise Nonsense("fields is an object of names and values.")
    scope_id = _scope(world, row, wish)
    actor = world.person(scope_id)
    if verb == "create":
        return [world.create(row, scope_id, fields, actor).id for _ in range(count)]
    records = _records(world, row, scope_id, wish, count)
    for record in records:
        if verb == "delete":
            world.delete(record, actor)
        else:
            world.update(record, fields or _touch(record.body), actor)
    return [record.id for record in records]


def fan_out(world: World, wish: Json) -> Json:
    """One edit, many events: as when an edit in the company's directory told every project of it.

    `records` distinct records are changed once each, spread over the projects; then events about them
    go on, in turn, until there are `events` of them. Each says when its record was changed.
    """
    row, verb = wishes.resource(wish), wishes.choice(wish, "verb", ("create", "update"), "update") or "update"
    scopes = _scopes(world, row, wish)
    records = wishes.whole(wish, "records", len(scopes)) or 1
    events = wishes.whole(wish, "events", records) or records
    if events < records:
        raise Nonsense(f"events is at least records, which is {records}, not {events}.")
    touched = _spread(world, row, scopes, records)
    actor = world.person(scopes[0])
    edits: list[tuple[Record, float]] = []
    for record in touched:
        world.update(record, _touch(record.body), None)
        edits.append((record, world.clock()))
    for turn in range(events):
        record, at = edits[turn % len(edits)]
        world.tell(record, verb, actor, at)
    return {"ids": [record.id for record in touched], "events": events, "projects": scopes if row.of_project else []}


def _scope(world: World, row: Row, wish: Json) -> int:
    """The project or company to change in: the one given, else the first that is permitted."""
    project, company_id = wishes.project(world, wish), wishes.company(world, wish)
    if not row.of_project:
        return company_id or (project.company_id if project else next(iter(world.companies)))
    if project is not None:
        return project.id
    own = _owner(world, row, wishes.identity(wish, "id"))
    permitted = _permitted(world, [company_id] if company_id else list(world.companies))
    if not (own or permitted):
        raise Nonsense("No project is permitted. Give project_id.")
    return own or permitted[0]


def _scopes(world: World, row: Row, wish: Json) -> list[int]:
    """The projects that hear of a fan-out, or the company of a resource that no project owns."""
    company_id = wishes.company(world, wish) or next(iter(world.companies))
    if not row.of_project:
        return [company_id]
    named = wish.get("project_ids")
    if named is not None and not (isinstance(named, list) and named):
        raise Nonsense(f"project_ids is a list of project ids, not {named!r}.")
    found = [wishes.project(world, {"project_ids": one}, "project_ids") for one in named or []]
    scopes = [one.id for one in found if one] or _permitted(world, [company_id])
    if not scopes:
        raise Nonsense("No project is permitted. Give project_ids.")
    return scopes


def _permitted(world: World, companies: list[int]) -> list[int]:
    return [one.id for company_id in companies for one in world.projects(company_id) if world.refusal(one.id) is None]


def _spread(world: World, row: Row, scopes: list[int], count: int) -> list[Record]:
    """That many distinct records, as evenly over the scopes as can be, one of each scope in turn."""
    share, more = divmod(count, len(scopes))
    shelves = [world.some(row, scope, share + (n < more)) for n, scope in enumerate(scopes) if share + (n < more)]
    turns = (shelf[place] for place in range(share + 1) for shelf in shelves if place < len(shelf))
    return list(islice(turns, count))


def _owner(world: World, row: Row, record_id: int | None) -> int | None:
    found = world.shelves.find(row.name, record_id) if record_id else None
    return found.project_id if found else None


def _records(world: World, row: Row, scope_id: int, wish: Json, count: int) -> list[Record]:
    record_id = wishes.identity(wish, "id")
    if record_id is None:
        return world.some(row, scope_id, count)
    record = world.shelves.find(row.name, record_id, scope_id)
    if record is None or not record.live:
        raise Nonsense(f"There is no {row.name} record {record_id} there. See the list of the resource.")
    return [record]


def _touch(body: Json) -> Json:
    """A change that a reader can see, for an update that names none."""
    due: Any = body.get("due_date")
    if isinstance(due, str):
        return {"due_date": (date.fromisoformat(due[:10]) + timedelta(days=1)).isoformat()}
    for name in ("description", "notes", "overview", "job_title"):
        if isinstance(body.get(name), str):
            return {name: _next_edition(body[name])}
    return {}


def _next_edition(text: str) -> str:
    head, mark, number = text.rpartition(" (edit ")
    if not mark:
        return f"{text} (edit 1)".strip()
    return f"{head}{mark}{int(number.rstrip(')') or 0) + 1})"
