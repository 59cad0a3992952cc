"""The values that a run's expressions see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from automations.changes import changed_paths
from automations.event import Event
from automations.functions import iso
from automations.parts import Automation
from automations.templates import RecordCopy


@dataclass(frozen=True)
class SiteTables:
    """`lookups` are the site's tables by name, rows as maps; `calendars` their texts by name."""

    lookups: Mapping[str, Any] = field(default_factory=dict)
    calendars: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Scope:
    """What a run starts from. The same for every attempt, but for `attempt` (from 1) and `moment`.

    `now` is when the run was made (UTC), `moment` when this attempt began (`now` when not given),
    `today` the date that it was there, as its midnight in UTC (UTC when not given).
    `record` and `previous` are Procore's own dicts, pinned for the run; None when there is none.
    `events` are all that were gathered into the run, oldest first; `tables` what the site keeps for looking up.
    `trigger` says which trigger to look at first; the only one when it is not of the event's kind (a run by hand).
    """

    event: Event
    run_id: str | int
    now: datetime
    record: Mapping[str, Any] | None = None
    previous: Mapping[str, Any] | None = None
    attempt: int = 1
    today: datetime | None = None
    moment: datetime | None = None
    trigger: str | None = None
    events: tuple[Event, ...] = ()
    tables: SiteTables = SiteTables()

    def values(self, automation: Automation, trigger: str) -> dict[str, Any]:
        """The tree that expressions walk; `steps` is filled as they finish."""
        today = self.today or self.now.replace(hour=0, minute=0, second=0, microsecond=0)
        return {
            "event": self.event.values(),
            "record": None if self.record is None else RecordCopy(self.record),
            "previous": None if self.previous is None else dict(self.previous),
            "changed": changed_paths(self.previous, self.record, created=self.event.action == "create"),
            "vars": dict(automation.vars),
            "steps": {},
            "events": [one.values() for one in self.events or (self.event,)],
            "lookup": self.tables.lookups,
            "calendars": self.tables.calendars,
            "run": {
                "id": str(self.run_id), "rule": automation.id, "trigger": trigger, "now": iso(self.now), "today": iso(today),
                "attempt": self.attempt, "status": "running",
            },
        }  # fmt: skip


def cheap_values(automation: Automation, event: Event, trigger: str) -> dict[str, Any]:
    """Enough for the lines that name only event, vars and run.trigger."""
    return {"event": event.values(), "vars": automation.vars, "run": {"trigger": trigger}}
