"""The journal in memory: for rule tests, dry runs and our own tests. Nothing leaves it."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from automations.journal import (
    Effect,
    EffectState,
    Gathered,
    KeptEffect,
    RowChange,
    RowDeletion,
    RowQuery,
    Snapshot,
    StepResult,
)  # fmt: skip
from automations.outcomes import Answered, Ask, Outcome, Start
from automations.parts import Flow
from config.errors import LostLease, Permanent


@dataclass
class _Noted:
    effect: Effect
    state: EffectState = "intent"
    response: Any = None


@dataclass(frozen=True)
class _Count:
    series: str
    by: float


@dataclass(frozen=True)
class _Started:
    path: str
    start: Start


@dataclass
class MemoryJournal:
    """Behaves as the stored one: what `finish` has not committed is gone after `crash()`.

    Hand the same one to a second run of the engine to see it resume.
    """

    dry: bool = False
    lease: bool = True
    results: dict[str, StepResult] = field(default_factory=dict)
    history: list[StepResult] = field(default_factory=list)
    rows: list[RowChange] = field(default_factory=list)
    deletions: list[RowDeletion] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # what `stream` finds, by `table` or `to:table`
    effects: dict[str, _Noted] = field(default_factory=dict)
    gathered: dict[str, Gathered] = field(default_factory=dict)
    counters: dict[str, float] = field(default_factory=dict)
    started: dict[str, Start] = field(default_factory=dict)
    asked: dict[str, Ask] = field(default_factory=dict)
    answers: dict[str, Answered] = field(default_factory=dict)
    copies: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    watched: dict[str, bool] = field(default_factory=dict)
    entered: list[tuple[str, str]] = field(default_factory=list)
    keeps_out: Outcome | None = None
    cancel: bool = False
    trouble: type[Exception] | tuple[()] = ()
    _pending: list[RowChange | RowDeletion | Snapshot | Gathered | _Count | _Started | tuple[str, EffectState, Any]] = field(
        default_factory=list
    )

    def edit_of(self, path: str, inputs: Any) -> str:
        return ""

    def kept(self, path: str) -> StepResult | None:
        return self.results.get(path)

    def finish(self, result: StepResult) -> None:
        self.still_mine()
        for change in self._pending:
            if isinstance(change, RowChange):
                self.rows.append(change)
            elif isinstance(change, RowDeletion):
                self.deletions.append(change)
            elif isinstance(change, Gathered):
                self.gathered.setdefault(change.key, change)
            elif isinstance(change, _Count):
                self.counters[change.series] = self.counters.get(change.series, 0.0) + change.by
            elif isinstance(change, Snapshot):
                self.snapshots.append(change)
            elif isinstance(change, _Started):
                self.started.setdefault(change.path, change.start)
            else:
                key, state, response = change
                self.effects[key].state, self.effects[key].response = state, response
        self._pending.clear()
        self.results[result.path] = result
        self.history.append(result)

    def passing(self, error: Exception) -> bool:
        return isinstance(error, self.trouble)

    def upsert(self, change: RowChange) -> str:
        self._pending.append(change)
        return "updated" if any(_same_row(change, row) for row in self.rows) else "inserted"

    def mark_deleted(self, deletion: RowDeletion) -> str:
        self._pending.append(deletion)
        return "already" if any(d.table == deletion.table and d.key == deletion.key for d in self.deletions) else "marked"

    def count(self, name: str, labels: Mapping[str, str], by: float) -> float:
        one = _Count(f"{name}{json.dumps(dict(labels), sort_keys=True) if labels else ''}", by)
        self._pending.append(one)
        return self.counters.get(one.series, 0.0) + by

    def gather(self, message: Gathered) -> None:
        self._pending.append(message)

    def stream(self, query: RowQuery) -> Generator[dict[str, Any], None, None]:
        name = f"{query.to}:{query.table}" if query.to else query.table
        if name not in self.tables:
            raise Permanent(f'there is no table "{name}"', kind="table")
        found = [row for row in self.tables[name] if all(_holds(row.get(c), sign, v) for c, sign, v in query.where)]
        for column, descending in reversed(query.order):
            found.sort(key=lambda row: (row.get(column) is not None, _moment(row.get(column))), reverse=descending)
        yield from ({c: row.get(c) for c in query.columns or row} for row in found[: query.limit])

    def snapshot(self, snapshot: Snapshot) -> int:
        self._pending.append(snapshot)
        return 1 if isinstance(snapshot.of, RowChange) else len(list(self.stream(snapshot.of)))

    def intend(self, effect: Effect) -> KeptEffect:
        self.still_mine()
        noted = self.effects.get(effect.key)
        if noted is None:
            self.effects[effect.key] = _Noted(effect)
            return KeptEffect("intent", None, True)
        return KeptEffect(noted.state, noted.response, False)

    def settle(self, key: str, state: EffectState, response: Any) -> None:
        self._pending.append((key, state, response))

    def still_mine(self) -> None:
        if not self.lease:
            raise LostLease("the lease has passed to somebody else")

    @property
    def begun(self) -> bool:
        return bool(self.results)

    @property
    def digest_until(self) -> datetime | None:
        return None

    @property
    def digest_key(self) -> str:
        return ""

    def watch(self, trigger: str, holds: bool) -> None:
        self.watched[trigger] = holds

    def enter(self, flow: Flow, overlap_key: str, throttle_key: str) -> Outcome | None:
        self.entered.append((overlap_key, throttle_key))
        return self.keeps_out

    def cancelled(self) -> bool:
        return self.cancel

    def ask(self, ask: Ask, path: str) -> None:
        self.asked.setdefault(path, ask)

    def answer(self, path: str) -> Answered | None:
        return self.answers.get(path)

    def copy_of(self, resource: str, id: str) -> dict[str, Any] | None:
        return self.copies.get((resource, id))

    def start(self, start: Start, path: str) -> dict[str, Any]:
        self._pending.append(_Started(path, start))
        return {"run_id": f"dry:{path}"}

    @contextmanager
    def apart(self) -> Iterator[MemoryJournal]:
        """Shares all but what is pending."""
        yield replace(self, _pending=[])

    def crash(self) -> None:
        """Forget what was not committed, as a killed process does."""
        self._pending.clear()


_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "is": operator.eq, "not": operator.ne, "in": lambda a, b: a in b, "not_in": lambda a, b: a not in b,
    "contains": lambda a, b: b.lower() in a.lower(), "starts": lambda a, b: a.lower().startswith(b.lower()),
    "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
}  # fmt: skip


def _holds(seen: Any, sign: str, value: Any) -> bool:
    return (seen is not None or sign in ("is", "not", "not_in")) and _SIGNS[sign](_moment(seen), _moment(value))


def _moment(value: Any) -> Any:
    """A date as its midnight, so that it can be compared with a time."""
    return datetime(value.year, value.month, value.day, tzinfo=UTC) if type(value) is date else value


def _same_row(one: RowChange, other: RowChange) -> bool:
    if one.table != other.table or one.key != other.key:
        return False
    names = [k for k in one.key if k in one.row]
    return all(one.row[k] == other.row.get(k) for k in names)
