"""Plans of hooks that steps make, and their execution by the same run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from automations.chores import Planned
from config.errors import Permanent, Transient
from connectors.hooks import Change
from store import hook_plans
from store.session import reading, writing
from workers.desk import Desk
from workers.hooks import Hooks


class StepHooks:
    def __init__(self, desk: Desk, run: Any, lane: str):
        self._desk, self._run, self._lane = desk, run, lane

    def _hooks(self, name: str) -> Hooks:
        return Hooks(self._desk.engine, self._desk.box, self._desk.settings, self._desk.loaded, name, self._lane)

    def plan(self, connectors: Sequence[str] | None, step: str) -> Planned:
        loaded = self._desk.loaded
        names = connectors if connectors is not None else [name for name in loaded.connectors() if not loaded.paused(name)]
        changes: dict[str, list[dict[str, Any]]] = {}
        problems: list[str] = []
        for name in dict.fromkeys(names):
            plan = self._hooks(name).plan(deletions=True)
            problems += [f"{name}: {why}" for why in (*plan.problems.values(), *plan.warnings)]
            if plan.changes:
                changes[name] = [change.as_json() for change in plan.changes]
        with writing(self._desk.engine) as db:
            id = hook_plans.add(db, self._run.id, step, changes)
        return _planned(str(id), changes, problems)

    def planned(self, id: str) -> Planned:
        return _planned(id, self._kept(id), [])

    def apply(self, id: str) -> list[str]:
        done, failed = [], []
        for name, changes in self._kept(id).items():
            for one in self._hooks(name).apply([Change.from_json(change) for change in changes], f"run:{self._run.id}"):
                done += [] if one.error else [_line(name, change) for change in one.changes]
                failed += [f"{name}, {_scope(one.scope)}: {one.error}"] if one.error else []
        if failed:
            raise Transient(f"procore.apply_hooks: {'; '.join(failed)}", kind="hooks")
        return done

    def _kept(self, id: str) -> dict[str, list[dict[str, Any]]]:
        with reading(self._desk.engine) as db:
            row = hook_plans.get(db, int(id)) if id.isdecimal() else None
        if row is None or row.run_id != self._run.id:
            raise Permanent(
                f'procore.apply_hooks: this run has no plan "{id[:40]}". Write plan: "${{steps.<id>.output.id}}" of a '
                "procore.plan_hooks in the same automation.",
                kind="no_plan",
            )
        kept: dict[str, list[dict[str, Any]]] = row.changes
        return kept


def _planned(id: str, kept: dict[str, list[dict[str, Any]]], problems: Sequence[str]) -> Planned:
    changes = [(name, Change.from_json(change)) for name, some in kept.items() for change in some]
    deletes = sum(change.is_deletion for _, change in changes)
    creates = sum(change.kind in ("create_hook", "add_trigger") for _, change in changes)
    return Planned(id, len(changes), creates, deletes, tuple(_line(name, one) for name, one in changes), tuple(problems))


def _line(name: str, change: Change | Any) -> str:
    what = f" {change.resource} {change.action}" if change.resource else ""
    return f"{name}, {_scope(change.scope)}: {change.kind.replace('_', ' ')}{what} ({change.reason})"


def _scope(scope: str) -> str:
    return f"project {scope}" if scope else "the company"
