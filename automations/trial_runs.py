"""The runs of a trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from automations.event import Event
from automations.outcomes import Line
from automations.trial_journal import TrialJournal


@dataclass(frozen=True)
class Copies:
    """What a run works with. `token` is the same for the same content; None when nobody compares it."""

    record: Mapping[str, Any] | None = None
    previous: Mapping[str, Any] | None = None
    token: Any = None


@dataclass
class Going:
    """A run of a trial; times are UTC."""

    id: int
    events: list[Event]
    trigger: str
    copies: Copies
    made: datetime
    journal: TrialJournal
    about: list[Any] = field(default_factory=list)
    state: str = "waiting"
    reason: str | None = None
    error: Mapping[str, Any] | None = None
    lines: tuple[Line, ...] = ()
    attempt: int = 0
    looked: bool = False
    due: datetime | None = None
    group: str | None = None
    gather_until: datetime | None = None
    shown: int = -1
    entered: datetime | None = None
    overlap_key: str | None = None
    throttle_key: str | None = None
    digest_until: datetime | None = None
    heard: set[str] = field(default_factory=set)

    @property
    def event(self) -> Event:
        return self.events[self.shown]

    @property
    def fired(self) -> bool:
        """It went on to its steps."""
        return self.journal.begun


@dataclass(frozen=True)
class Missed:
    """An event that made no run, and why."""

    event: Event
    reason: str


def same(one: Event, other: Event) -> bool:
    return (one.connector, one.resource_name, one.resource_id) == (other.connector, other.resource_name, other.resource_id)
