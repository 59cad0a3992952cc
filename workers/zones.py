"""The day of a project: the date that it is there."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Connection

from automations.timing import day_of
from store import projects


def today(db: Connection, connector: str, project_id: str, moment: dt.datetime) -> dt.datetime:
    """The date in the project's zone, else in UTC, as `timing.day_of` gives it."""
    name = projects.zone(db, connector, project_id) if connector and project_id else None
    return day_of(moment, name or "UTC")
