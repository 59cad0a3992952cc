"""What the engine asks of whoever stores things: a small interface, with one form per purpose.

The real run keeps it in the database (`workers/`), a dry run or a rule test keeps it in memory. So
the engine is the same code for all of them.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from automations.outcomes import Answered, Ask, Outcome, Start
from automations.parts import Flow

StepState = Literal["ok", "failed", "skipped", "waiting", "uncertain"]
EffectState = Literal["intent", "applied", "failed", "uncertain"]
Policy = Literal["idempotent", "natural_key", "verify_then_retry", "at_most_once"]


@dataclass(frozen=True)
class StepResult:
    """How one step ended. `path` is the step's id, with `[item key]` behind it inside a foreach.

    `attempt` counts from 1. `error` is `{"kind", "message"}`. `calls` is the time line that operators see.
    """

    path: str
    state: StepState
    attempt: int = 1
    output: Any = None
    error: Mapping[str, Any] | None = None
    inputs: Any = None
    duration_ms: int = 0


@dataclass(frozen=True)
class Effect:
    """A change in the outside world that is about to be made.

    `key` is the SHA-256 of automation, step, item, target and event, or of target and `once:`;
    `request_hash` tells whether a later attempt asks for the same thing. `lasting`: the key is of `once:` or
    `idempotency_key:`, so that any later run may ask for it again.
    """

    key: str
    step: str
    policy: Policy
    target: str
    summary: str
    request_hash: str
    lasting: bool = False


@dataclass(frozen=True)
class KeptEffect:
    """What the ledger knows of an effect. `fresh` is True when this call wrote the intent for the first time.

    `elsewhere`: the intent is that of another run, which is not over and will tell its outcome.
    """

    state: EffectState
    response: Any
    fresh: bool
    elsewhere: bool = False


@dataclass(frozen=True)
class RowChange:
    """One row for a user's table. `key` names the columns that make it unique (with their values in `row`).

    `standard` is True for `row: ${record}`: the table has the standard columns and `row` is the record itself.
    `version` is what `if_newer` compares, as text that sorts (ISO 8601), or None.
    """

    table: str
    row: Mapping[str, Any]
    key: tuple[str, ...]
    standard: bool
    columns: Mapping[str, Any] = field(default_factory=dict)
    version: str | None = None
    if_newer: bool = True
    to: str = ""  # "" is the store's own database, else the name of a destination of kind sql


@dataclass(frozen=True)
class RowDeletion:
    """Mark a row of a user's table as deleted; `at` is ISO 8601 UTC."""

    table: str
    key: Mapping[str, Any]
    at: str
    to: str = ""


Sign = Literal["is", "not", "in", "not_in", "lt", "le", "gt", "ge", "contains", "starts"]


@dataclass(frozen=True)
class RowQuery:
    """Rows of a user's table. Names are names and values are values: nothing here is ever read as SQL.

    `where` are comparisons that must all hold; `order` are columns, each with True for descending. Rows marked
    deleted, and rows of other connectors than this (unless `where` names the connector), are left out.
    """

    table: str
    where: tuple[tuple[str, Sign, Any], ...] = ()
    order: tuple[tuple[str, bool], ...] = ()
    limit: int | None = None
    columns: tuple[str, ...] = ()
    deleted: bool = False
    connector: str = ""
    to: str = ""


@dataclass(frozen=True)
class Snapshot:
    """What stands now, to be kept under `at` (ISO 8601 UTC) in a table of history: the rows of a query, or one change's row.

    `step` is the step's path; a run keeps one snapshot per step.
    """

    into: str
    at: str
    step: str
    of: RowQuery | RowChange


@dataclass(frozen=True)
class Gathered:
    """A message that waits for the digest of its window. `key` is that of the effect which it would have been by itself.

    Messages of one automation, destination, throttle key and list of recipients become one digest, at `until` or before.
    """

    key: str
    automation: str
    destination: str
    throttle: str
    until: datetime
    title: str
    text: str
    link: str
    recipients: tuple[str, ...] = ()


class Journal(Protocol):
    """Everything here may raise LostLease: then somebody else runs this, and nothing more may be done."""

    @property
    def dry(self) -> bool:
        """True: say what would be done and do nothing outside (shadow, tests, back-test)."""

    def kept(self, path: str) -> StepResult | None:
        """The latest result of this step in this run, from an earlier attempt; None when it never ran."""

    def finish(self, result: StepResult) -> None:
        """Keep a step's result for good, in one transaction with its row changes and settled effects."""

    def passing(self, error: Exception) -> bool:
        """Whether what broke a step is the journal's own trouble, such as a busy database, which passes by itself."""

    def upsert(self, change: RowChange) -> str:
        """Write a row, to be committed by `finish`. Says `inserted`, `updated`, `unchanged` or `older`."""

    def mark_deleted(self, deletion: RowDeletion) -> str:
        """Mark a row, to be committed by `finish`. Says `marked`, `already` or `absent`."""

    def count(self, name: str, labels: Mapping[str, str], by: float) -> float:
        """Raise a counter, to be committed by `finish`, and say what it is then.

        Raises: Permanent(kind="labels") when there would be too many of one name.
        """

    def gather(self, message: Gathered) -> None:
        """Hand a message over to its digest, to be committed by `finish`. The same key is gathered once."""

    def stream(self, query: RowQuery) -> Generator[dict[str, Any], None, None]:
        """The rows as they stand at one moment, one by one in constant memory; close it when you stop before the end.

        Raises: Permanent(kind="table") when there is no such table or column.
        """

    def snapshot(self, snapshot: Snapshot) -> int:
        """Add rows to a table of history, to be committed by `finish`. Says how many."""

    def intend(self, effect: Effect) -> KeptEffect:
        """Write the intent durably before the call, or say what an earlier attempt left."""

    def settle(self, key: str, state: EffectState, response: Any) -> None:
        """The outcome of an effect, to be committed by `finish`, or with the next intent of the step."""

    @property
    def begun(self) -> bool:
        """A step of this run was begun, in this attempt or an earlier one: guards and flow are behind it."""

    @property
    def digest_until(self) -> datetime | None:
        """Until when the messages of this run are gathered; None when they go out as usual."""

    @property
    def digest_key(self) -> str:
        """The throttle key of this run."""

    def watch(self, trigger: str, holds: bool) -> None:
        """What a trigger with `hold:` or `repeat:` waits for has begun, or is over; kept with the end of the attempt."""

    def enter(self, flow: Flow, overlap_key: str, throttle_key: str) -> Outcome | None:
        """Take the run's place in the flow: None when it may go on, else why it waits or is skipped."""

    def cancelled(self) -> bool:
        """A person, or a run that replaces this one, wants it to end before its next step."""

    def edit_of(self, path: str, inputs: Any) -> str:
        """What tells the effects of this step from those of the run that this one repeats with edits. "" when there is no such
        run, or the step has the same inputs there: then what was applied is not made again."""

    def ask(self, ask: Ask, path: str) -> None:
        """Put a question to people, to be committed by `finish`; asked once however often it is called."""

    def answer(self, path: str) -> Answered | None:
        """What was said to the question of this step; None while nobody said anything, or there was none."""

    def copy_of(self, resource: str, id: str) -> dict[str, Any] | None:
        """Our newest copy of a record of the event's connector; None when there is none, or it was deleted."""

    def start(self, start: Start, path: str) -> dict[str, Any]:
        """Start another automation, to be committed by `finish`, once however often it is called.

        Raises: Permanent when it is not in force or has no manual trigger.
        """

    def apart(self) -> AbstractContextManager[Journal]:
        """A journal of the same run for another thread: what it finishes is committed by itself."""

    def still_mine(self) -> None:
        """Raises LostLease when the lease has passed to somebody else. Called before each outside call."""
