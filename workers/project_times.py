"""The projects' time zones, for triggers with `timezone: project`: without them such a trigger has no schedule at all.

Where hooks of projects are kept, their timer looks at the projects; the first look, and those where there are none, are here.
"""

from __future__ import annotations

from typing import Any

from store import projects as known_projects
from store.session import reading
from workers import projects
from workers.hooks import listeners, of_projects


def look(desk: Any, name: str) -> None:
    """The timer's work, for one connector. Raises: as `projects.look` does."""
    if name not in desk.loaded.connectors() or desk.loaded.paused(name):
        return
    with reading(desk.engine) as db:
        known = known_projects.every(db, name)
    # A project that is new to the timer of hooks gets its history; the first look finds none new, whoever does it.
    if known and desk.settings.public_url and of_projects(listeners(desk.loaded.automations, name)):
        return
    projects.look(desk, desk.loaded.procore(name, "schedule"), ())
