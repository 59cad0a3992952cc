"""The journal in memory: for rule tests, dry runs and our own tests. Nothing leaves it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from automations.journal import Effect, EffectState, Gathered, KeptEffect, RowChange, RowDeletion, StepResult
from config.errors import LostLease


@dataclass
class _Noted:
    effect: Effect
    state: EffectState = "intent"
    response: Any = None


@dataclass(frozen=True)
class _Count:
    series: str
    by: float


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
    effects: dict[str, _Noted] = field(default_factory=dict)
    gathered: dict[str, Gathered] = field(default_factory=dict)
    counters: dict[str, float] = field(default_factory=dict)
    _pending: list[RowChange | RowDeletion | Gathered | _Count | tuple[str, EffectState, Any]] = field(default_factory=list)

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
            else:
                key, state, response = change
                self.effects[key].state, self.effects[key].response = state, response
        self._pending.clear()
        self.results[result.path] = result
        self.history.append(result)

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

    def crash(self) -> None:
        """Forget what was not committed, as a killed process does."""
        self._pending.clear()


def _same_row(one: RowChange, other: RowChange) -> bool:
    if one.table != other.table or one.key != other.key:
        return False
    names = [k for k in one.key if k in one.row]
    return all(one.row[k] == other.row.get(k) for k in names)
