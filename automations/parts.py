"""An automation after loading: everything checked, expressions compiled, nothing left to look up by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Literal

from automations.event import Event
from automations.expressions import Expression
from automations.fields import Field
from automations.written_tests import Test
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
    """What a trigger must listen to so as to hear this event. Only keys of Procore's events have a connector first."""
    if event.source == "run":
        return "run", event.name, event.status
    if event.source == "config":
        return "config", event.kind, ""
    if event.source == "inbound":
        return "inbound", event.name, ""
    return event.connector, event.resource_name.lower(), event.action


# A trigger of these kinds is not found by what an event says: the event is made for it alone.
CHOSEN = frozenset({"schedule", "sweep", "manual"})
WITH_RECORD = frozenset({"webhook", "sweep", "manual"})


@dataclass(frozen=True)
class Timing:
    """When a schedule or sweep is due: five-field cron expressions in a zone, or every so many seconds.

    `zone` is a name of the IANA database, or `project`: the zone of each project by itself.
    """

    crons: tuple[str, ...] = ()
    every_s: float | None = None
    zone: str = "UTC"
    jitter_s: float = 0.0
    catch_up: Literal["none", "one", "all"] = "one"


@dataclass(frozen=True)
class Trigger:
    """What an automation listens to. `id` is the author's, else the kind (`webhook`, `webhook_2`).

    `where` must hold of the record; `hold_s` is how long it must stay so, `repeat_s` how often it is told again.
    """

    id: str
    kind: Literal["webhook", "schedule", "sweep", "config", "inbound", "run", "manual"]
    connector: str = ""
    resource: str = ""
    actions: frozenset[str] = frozenset()
    transition: Transition | None = None
    kinds: frozenset[str] = frozenset()
    source: str = ""
    where: tuple[Expression, ...] = ()
    hold_s: float | None = None
    repeat_s: float | None = None
    timing: Timing | None = None
    runs: tuple[tuple[str, str], ...] = ()

    @property
    def brings_record(self) -> bool:
        return bool(self.resource) and self.kind in WITH_RECORD

    @property
    def watches(self) -> bool:
        """It fires only after a while, or again and again: what it saw is remembered between events."""
        return self.hold_s is not None or self.repeat_s is not None

    def heard(self) -> list[Heard]:
        """Each key under which it is found; one that is chosen is never found."""
        if self.kind == "run":
            return [("run", automation, status) for automation, status in self.runs]
        if self.kind == "config":
            return [("config", kind, "") for kind in sorted(self.kinds)]
        if self.kind == "inbound":
            return [("inbound", self.source, "")]
        if self.kind in CHOSEN:
            return []
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
    """`timeout` is seconds of work in one attempt (waiting does not count); `api_calls` are calls to Procore in one.

    `api_share` is the part of a connector's hour that it may use (0.6), `events` the most one run gathers.
    `writes` and `deletes` cap what an automation changes outside, over all its runs. `writes` None: the author wrote
    nothing, so WRITES holds for what goes to Procore and nothing is counted at other destinations.
    """

    timeout: float = 600.0
    api_calls: int = 100
    api_share: float | None = None
    events: int = 1000
    writes: Rate | None = None
    deletes: Rate = DELETES


@dataclass(frozen=True)
class Coalesce:
    """Events with the same key become one run: after `quiet_s` without another, at the latest after `max_wait_s`."""

    key: Expression
    quiet_s: float
    max_wait_s: float
    max_events: int
    keep: Literal["last", "first", "all"] = "last"


@dataclass(frozen=True)
class Overlap:
    """What a run does while another one of the same key is under way. Without `key` all runs of the automation have one."""

    policy: Literal["queue", "latest", "skip", "replace", "parallel"]
    key: Expression | None = None
    limit: int | None = None


@dataclass(frozen=True)
class Throttle:
    """How many runs of the same key may go on within a time, and what the others do."""

    rate: Rate
    over: Literal["skip", "wait", "digest"]
    key: Expression | None = None


@dataclass(frozen=True)
class Flow:
    coalesce: Coalesce | None = None
    overlap: Overlap | None = None
    throttle: Throttle | None = None


@dataclass(frozen=True)
class Expect:
    """In seconds: the longest silence between runs that are ok, and how long 19 in 20 may take from event to end."""

    success_every_s: float | None = None
    lag_p95_s: float | None = None


@dataclass(frozen=True)
class Step:
    """One `use:`. `values` is `with:` with its templates compiled; `action` is the module behind the word.

    `foreach` gives the items, one action for each, `parallel` of them at a time; `timeout_s` bounds one attempt.
    """

    id: str
    use: str
    action: ModuleType
    values: Mapping[str, Any]
    lines: tuple[Expression, ...] = ()
    retry: Retry | None = None
    on_error: Literal["continue", "stop"] = "stop"
    foreach: Any = None
    parallel: int = 1
    timeout_s: float | None = None
    per_item: bool = False  # its `if:` lines name `item`, so they are asked of each


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
    flow: Flow = Flow()
    on_error: tuple[Step, ...] = ()
    finally_: tuple[Step, ...] = ()
    expect: Expect = Expect()
    tests: tuple[Test, ...] = ()

    @property
    def all_steps(self) -> tuple[Step, ...]:
        return (*self.steps, *self.on_error, *self.finally_)

    def trigger(self, id: str) -> Trigger | None:
        return next((one for one in self.triggers if one.id == id), None)
