"""The projects that a connector is permitted to see, as they were at the last look. Nothing is deleted because one vanished."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from store.events import insert
from store.models import Project
from store.types import now, storable

MOST_NAME = 200
MOST_ZONE = 64


@dataclass(frozen=True)
class News:
    """What a look found, id to name. `first`: nothing was known before, so nothing is new either."""

    first: bool
    added: Mapping[str, str] = field(default_factory=dict)
    returned: Mapping[str, str] = field(default_factory=dict)
    vanished: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.added or self.returned or self.vanished)


def seen(db: Connection, connector: str, projects: Mapping[str, str], zones: Mapping[str, str] | None = None) -> News:
    """Keep what the list of projects shows now, id to name; all that vanish in one look carry the same moment.

    `zones` are their time zones, of those that have one.
    """
    moment = db.scalar(select(now()))
    before = {row.project_id: row for row in every(db, connector)}
    names = {id: storable(name)[:MOST_NAME] for id, name in projects.items()}
    for id, name in sorted(names.items()):
        zone = (zones or {}).get(id)
        values = {"name": name, "state": "permitted", "seen_at": moment, "vanished_at": None, "zone": zone and zone[:MOST_ZONE]}
        made = insert(db, Project).values({"connector": connector, "project_id": id, "first_seen_at": moment, **values})
        db.execute(made.on_conflict_do_update(index_elements=["connector", "project_id"], set_=values))
    gone = {id: row.name for id, row in before.items() if id not in names and row.state == "permitted"}
    for id in gone:
        of = (Project.connector == connector, Project.project_id == id)
        db.execute(update(Project).where(*of).values(state="vanished", vanished_at=moment))
    added = {id: name for id, name in names.items() if id not in before}
    returned = {id: name for id, name in names.items() if id in before and before[id].state == "vanished"}
    return News(not before, {} if not before else added, returned, gone)


def every(db: Connection, connector: str, state: str | None = None) -> list[Any]:
    """All that were ever permitted, or those in this state, by id."""
    wanted = select(Project.__table__).where(Project.connector == connector).order_by(Project.project_id)
    return list(db.execute(wanted if state is None else wanted.where(Project.state == state)))


_ZONE = select(Project.zone).where(Project.connector == bindparam("connector"), Project.project_id == bindparam("project"))


def zone(db: Connection, connector: str, project_id: str) -> str | None:
    return db.scalar(_ZONE, {"connector": connector, "project": project_id})


def by_zone(db: Connection, connector: str) -> dict[str, list[str]]:
    """The ids of the permitted projects by their time zone; UTC for those whose zone is not known."""
    found: dict[str, list[str]] = {}
    for row in every(db, connector, "permitted"):
        found.setdefault(row.zone or "UTC", []).append(row.project_id)
    return found
