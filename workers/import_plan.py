"""Which lists an import reads: its resources in its projects, in windows of time where that is how they are read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from config.errors import ConfigError, Permanent
from connectors import parents, windows
from connectors.catalogue import Resource
from connectors.kinds.procore_dmsa import Procore, known
from store import cursors

Json = dict[str, Any]
Part = tuple[str, str, str, Json]
KIND = "import"  # whose cursor it is


def resource(name: str) -> Resource:
    """The catalogue's row of something that can be imported. Raises: ConfigError with what to read instead."""
    row = known(name)
    if row.list_path is None:
        raise ConfigError(f"{row.name} cannot be imported: Procore has no list of it. {row.note}".rstrip(". ") + ".")
    if row.list_parent and not parents.of(row):
        raise ConfigError(f"{row.name} cannot be imported: its list needs {row.list_parent}, and Procore lists none of those.")
    return row


def since_fits(rows: Sequence[Resource], since: dt.datetime | None) -> None:
    """Raises: ConfigError when a list cannot be read from a date on."""
    for row in rows if since is not None else ():
        if row.list_parent or not (row.daily or "U" in row.filters):
            raise ConfigError(f"--since does not work for {row.name}: Procore cannot be asked what of it changed. Leave it out.")


def chosen(procore: Procore, wanted: Sequence[str] | None) -> list[Json]:
    """The projects to read. Raises: Permanent when one that is wanted, or any at all, cannot be seen."""
    seen = {str(one.get("id")): one for one in procore.wanted_projects()}
    name = procore.connector.name
    if wanted is None and not seen:
        raise Permanent(
            f"{name}: Procore shows no project to this connector, so nothing is read and nothing is deleted. Permit projects in "
            "Procore: Company Admin > App Management > Permissions.",
            kind="no_project",
        )
    missing = [id for id in wanted or () if id not in seen]
    if missing:
        raise Permanent(
            f"{name}: project {', '.join(missing)} is not permitted, or not among the connector's projects. Permit it in "
            "Procore: Company Admin > App Management > Permissions.",
            kind="no_project",
        )
    return [seen[id] for id in wanted] if wanted is not None else list(seen.values())


def parts(db: Connection, row: Any, projects: Sequence[Json], today: dt.date) -> Iterator[Part]:
    """The lists of an import, resource by resource. `row` is the import, `projects` are Procore's own records."""
    for name in row.resources:
        of = resource(name)
        for project in projects if parents.needs_project(of) else [{}]:
            id = str(project.get("id") or "")
            yield of.name, id, "", position(of, project, today, _from(db, row, of, id), row.since is not None)


def position(of: Resource, project: Mapping[str, Any], today: dt.date, since: dt.datetime | None, asked: bool) -> Json:
    """Where the reading of a list begins. `asked`: a person named `since`, so it is not a whole reading."""
    if of.list_parent:
        return {"kind": "parents", "sources": list(parents.of(of)), "windows": [None]}
    if of.daily:
        first, last = windows.of_project(project, today)
        first = since.date() if since is not None and asked else first
        return {"kind": "days", "windows": [list(one) for one in windows.days(first, last)], "asked": asked}
    if since is not None:
        return {"kind": "changes", "windows": [list(one) for one in windows.changes(since)], "since": windows.stamp(since)}
    return {"kind": "full", "windows": [None]}


def _from(db: Connection, row: Any, of: Resource, project_id: str) -> dt.datetime | None:
    """Since when to read; None: everything."""
    if row.since is not None:
        found: dt.datetime = row.since
        return found
    if row.mode != "incremental" or "U" not in of.filters or of.list_parent or of.daily:
        return None
    return cursors.get(db, KIND, row.connector, of.name, project_id)
