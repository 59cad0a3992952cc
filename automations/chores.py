"""What actions may have done that is more than a call: imports, looks for what was missed, hooks, checks of automations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Wish:
    """An import that a step asks for. `projects` None: all that are permitted. `table` "": the resource's own."""

    connector: str
    resource: str
    mode: str
    projects: tuple[str, ...] | None
    table: str
    deletions: bool
    fresh: bool


@dataclass(frozen=True)
class Imported:
    """How an import is. `state` is waiting, running, ok, failed or cancelled; `counts` what it did in all."""

    state: str
    counts: Mapping[str, int]
    reason: str = ""


class Imports(Protocol):
    def start(self, wish: Wish, step: str) -> int | None:
        """The import that this step of this run asked for, begun now or by an earlier attempt; None while another one reads
        the same list. Raises: ConfigError, Permanent when it cannot be imported."""

    def look(self, id: int) -> Imported: ...


@dataclass(frozen=True)
class Missed:
    """Deliveries that had not come here. `reasons` names those that cannot be repaired."""

    found: int
    repaired: int
    unrepairable: int
    reasons: tuple[str, ...] = ()


class Repairs(Protocol):
    def look(self, connector: str, since_s: float, statuses: Sequence[str]) -> Missed:
        """Bring in what Procore's log of deliveries has and we have not. Raises: as a connector does."""


@dataclass(frozen=True)
class Planned:
    """Changes of hooks. `lines` says each, `problems` what could not be looked at."""

    id: str
    changes: int
    creates: int
    deletes: int
    lines: tuple[str, ...]
    problems: tuple[str, ...] = ()


class Subscriptions(Protocol):
    def plan(self, connectors: Sequence[str] | None, step: str) -> Planned:
        """What would be done at Procore; None: for every connector that is not paused. Nothing is done."""

    def planned(self, id: str) -> Planned:
        """Raises: Permanent(kind="no_plan") when this run has no such plan."""

    def apply(self, id: str) -> list[str]:
        """Do it; a line for each hook. Repeating it does nothing. Raises: Transient(kind="hooks") naming what failed."""


@dataclass(frozen=True)
class Verdict:
    errors: int
    warnings: int
    lines: tuple[str, ...] = field(default=())
    would_fire: int = 0
    fired: int = 0
    differing: int = 0


class Rules(Protocol):
    def check(self, names: Sequence[str], backtest_s: float | None = None) -> Verdict:
        """Check automations by name, those that use a connector by its name, and all of them for "" or no name.

        With `backtest_s` those that load are also run over the events of so many seconds, with nothing called or written.
        """
