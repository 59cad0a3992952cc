"""The projects a connector may see: those that come get their hook and their history, those that vanish are named.

Procore tells nobody when a project is permitted or not any more, so the list is looked at. An app that is updated
or installed anew loses all its permitted projects at once; nothing is deleted for that.
Source: Procore documentation, permitted projects of service accounts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection

from config.logs import about
from connectors import catalogue, parents
from connectors.kinds.procore_dmsa import Procore
from store import imports, projects, timers
from store.projects import News
from store.session import retrying, writing
from workers import config_events
from workers.desk import Desk

log = logging.getLogger("tieback.projects")

MANY, MANY_SHARE = 3, 0.5
MOST_NAMED = 20
ACTOR = "hooks"


def look(desk: Desk, procore: Procore, resources: Iterable[str]) -> list[str]:
    """The ids of the projects that this connector is for, as Procore lists them now; 1 call per 300 of them.

    A project that came since the last look gets a backfill of those of the `resources` that can be read per project;
    its hook is the caller's. The first look ever backfills nothing.
    Raises: as `Procore.pages` does; then nothing is noted.
    """
    listed = procore.projects()
    found = {str(one["id"]): str(one.get("name") or "") for one in listed}
    zones = {str(one["id"]): str(one["time_zone"]) for one in listed if isinstance(one.get("time_zone"), str)}
    chosen = procore.connector.projects
    wanted = [id for id in found if chosen == "all" or id in chosen]
    _note(desk, procore.connector.name, found, zones, wanted, readable(resources))
    return wanted


def readable(resources: Iterable[str]) -> list[str]:
    """Those that have a list per project, in the catalogue's spelling."""
    rows = [row for name in resources if (row := catalogue.resource(name)) is not None]
    return sorted({row.name for row in rows if row.list_path and parents.needs_project(row)})


@retrying
def _note(
    desk: Desk, connector: str, found: dict[str, str], zones: dict[str, str], wanted: list[str], resources: list[str]
) -> None:
    with writing(desk.engine) as db:
        before = projects.by_zone(db, connector)
        news = projects.seen(db, connector, found, zones)
        if projects.by_zone(db, connector) != before:
            # Rules with `timezone: project` have a schedule for each zone, which are not known before the first look.
            timers.sooner(db, "schedules", "site", in_s=0.0)
        if not news:
            return
        for project_id in (*news.added, *news.returned):
            if resources and project_id in wanted:
                imports.start_backfill(db, connector, project_id, resources, ACTOR)
        config_events.note(db, "projects.changed", connector, ACTOR, _told(news))
    log.warning("projects.changed", extra=about(connector=connector, **{key: len(of) for key, of in _told(news).items()}))


def _told(news: News) -> dict[str, Any]:
    told = {"added": news.added, "returned": news.returned, "vanished": news.vanished}
    return {key: dict(sorted(of.items())[:MOST_NAMED]) for key, of in told.items() if of}


def troubles(db: Connection, connector: str) -> list[str]:
    """What an operator should know of projects that vanished, in one or two sentences."""
    gone = projects.every(db, connector, "vanished")
    if not gone:
        return []
    last = max(row.vanished_at for row in gone)
    at_once = [row for row in gone if row.vanished_at == last]
    left = len(projects.every(db, connector, "permitted"))
    if len(at_once) >= MANY and len(at_once) >= MANY_SHARE * (len(at_once) + left):
        return [
            f"{len(at_once)} of {len(at_once) + left} projects vanished at once ({last:%Y-%m-%d %H:%M} UTC): when an app is "
            "updated or installed anew, its permitted projects must be chosen again. A company admin does so in Procore: "
            "Company Admin > App Management > Permissions. Nothing was deleted here."
        ]
    named = ", ".join(row.name or row.project_id for row in gone[:MOST_NAMED])
    return [
        f"not permitted any more: {named}{' and others' if len(gone) > MOST_NAMED else ''}. Their hooks cannot be looked at and "
        "nothing was deleted. Permit them again in Procore (Company Admin > App Management > Permissions), or leave them."
    ]
