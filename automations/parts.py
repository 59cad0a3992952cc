"""An automation after loading: everything checked, expressions compiled, nothing left to look up by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Literal

from automations.event import Event
from automations.expressions import Expression
from automations.fields import Field
from config.problems import Problem

Stage = Literal["off", "shadow", "live"]


@dataclass(frozen=True)
class Transition:
    """`field/from/to`: the value at a path of the record went from one to another. None means any."""

    path: tuple[str, ...]
    kind: Field
    was: tuple[Any, ...] | None
    becomes: tuple[Any, ...] | None


Heard = tuple[str, str, str]


def key_of(event: Event) -> Heard:
    """What a trigger must listen to so as to hear this event. Only keys of Procore's events have a third part."""
    if event.source == "config":
        return "config", event.kind, ""
    if event.source == "inbound":
        return "inbound", event.name, ""
    return event.connector, event.resource_name.lower(), event.action


@dataclass(frozen=True)
class Trigger:
    """What an automation listens to. `id` is the author's, else the kind (`webhook`, `webhook_2`)."""

    id: str
    kind: Literal["webhook", "config", "inbound", "manual"]
    connector: str = ""
    resource: str = ""
    actions: frozenset[str] = frozenset()
    transition: Transition | None = None
    kinds: frozenset[str] = frozenset()
    source: str = ""

    def heard(self) -> list[Heard]:
        """Each key under which it is found; a manual trigger is never found, it is chosen."""
        if self.kind == "config":
            return [("config", kind, "") for kind in sorted(self.kinds)]
        if self.kind == "inbound":
            return [("inbound", self.source, "")]
        return [(self.connector, self.resource.lower(), action) for action in sorted(self.actions)]

    def hears(self, event: Event) -> bool:
        if self.kind == "manual":
            same = self.connector == event.connector and self.resource.lower() == event.resource_name.lower()
            return event.source == "manual" and (same or not self.resource)
        return event.source != "manual" and key_of(event) in self.heard()


@dataclass(frozen=True)
class Retry:
    """`first` and `max` are seconds between attempts; `only` names kinds such as `timeout` or `http_5xx`."""

    attempts: int = 5
    backoff: Literal["fixed", "exponential"] = "exponential"
    first: float = 5.0
    max: float = 900.0
    only: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Rate:
    """At most `count` in any `per` seconds: `100/1h` is Rate(100, 3600)."""

    count: int
    per: float


WRITES = Rate(1000, 3600.0)
DELETES = Rate(25, 86_400.0)


@dataclass(frozen=True)
class Limits:
    """`timeout` is seconds of work in one attempt (waiting does not count); `api_calls` are calls to Procore.

    `writes` and `deletes` cap what an automation changes outside, over all its runs. `writes` None: the author wrote
    nothing, so WRITES holds for what goes to Procore and nothing is counted at other destinations.
    """

    timeout: float = 600.0
    api_calls: int = 100
    writes: Rate | None = None
    deletes: Rate = DELETES


@dataclass(frozen=True)
class Step:
    """One `use:`. `values` is `with:` with its templates compiled; `action` is the module behind the word."""

    id: str
    use: str
    action: ModuleType
    values: Mapping[str, Any]
    lines: tuple[Expression, ...] = ()
    retry: Retry | None = None
    on_error: Literal["continue", "stop"] = "stop"


@dataclass(frozen=True)
class Automation:
    """One YAML file. `version` is the SHA-256 of its text; runs are pinned to it.

    `lines` are the `if:` lines, `cheap` the indexes of those that name only event, vars and run.trigger;
    `needs_record` says whether the record must be fetched; `connectors` are all it names.
    """

    id: str
    title: str
    stage: Stage
    version: str
    source: str
    file: str
    triggers: tuple[Trigger, ...]
    lines: tuple[Expression, ...]
    cheap: tuple[int, ...]
    needs_record: bool
    steps: tuple[Step, ...]
    vars: Mapping[str, Any] = field(default_factory=dict)
    retry: Retry = Retry()
    limits: Limits = Limits()
    connectors: tuple[str, ...] = ()
    owner: str = ""
    runbook: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
