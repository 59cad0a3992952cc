"""How an action, a step and a run can end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True)
class Done:
    """The action is finished; `output` is JSON, as later steps see it."""

    output: Any = None


@dataclass(frozen=True)
class Wait:
    """Call the action again at `until` (UTC). It finds `memory`, which is JSON, in `context.memory` then."""

    until: datetime
    memory: Any = None
    reason: str = ""


@dataclass(frozen=True)
class Ask:
    """A person must answer; the run waits, at most until `until` (UTC). The action finds it in `context.answer` then.

    `about` is JSON that the person is shown.
    """

    question: str
    choices: tuple[str, ...] = ("approve", "reject")
    until: datetime | None = None
    about: Any = None


@dataclass(frozen=True)
class Answered:
    """What a person chose, or "" when nobody did in time. `by` is `cli:ana`, `at` ISO 8601 UTC."""

    choice: str
    by: str = ""
    at: str = ""
    note: str = ""


@dataclass(frozen=True)
class Start:
    """Start another automation with these values, which it finds in `event.body`. The step gives `{"run_id"}`."""

    automation: str
    values: Mapping[str, Any] = field(default_factory=dict)


Answer = Done | Wait | Ask | Start


@dataclass(frozen=True)
class Line:
    """One `if:` line with what it gave and the values it saw. `held` is None when it could not be evaluated."""

    index: int
    text: str
    held: bool | None
    seen: Mapping[str, Any]
    error: str | None = None


@dataclass(frozen=True)
class Outcome:
    """How one attempt at a run ended.

    `error` is `{"step", "kind", "message"}`; `wait_s` is set when the state is waiting; `reason` is a
    sentence for skipped, waiting and parked; `trigger` is the id of the trigger that fired.
    """

    state: Literal["ok", "failed", "skipped", "waiting", "parked", "cancelled"]
    error: Mapping[str, Any] | None = None
    wait_s: float | None = None
    reason: str | None = None
    lines: tuple[Line, ...] = ()
    trigger: str | None = None
