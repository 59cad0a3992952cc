"""The day of a project: it begins at midnight where the project is."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Connection

from automations.timing import known_zone
from store import projects


def today(db: Connection, connector: str, project_id: str, moment: dt.datetime) -> dt.datetime:
    """The midnight that began the day, in the project's zone, else in UTC; as UTC."""
    name = projects.zone(db, connector, project_id) if connector and project_id else None
    local = moment.astimezone(known_zone(name or "UTC"))
    return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(dt.UTC)
