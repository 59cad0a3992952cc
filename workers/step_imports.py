"""Imports that steps of runs ask for and wait for."""

from __future__ import annotations

from typing import Any

from automations.chores import Imported, Wish
from store import imports
from store.session import reading, retrying, writing
from workers import import_plan
from workers.desk import Desk
from workers.import_work import COUNTED


class StepImports:
    """One run's imports. `requested_by` says which step of which run asked, so that an attempt finds its own again."""

    def __init__(self, desk: Desk, run: Any):
        self._desk, self._run = desk, run

    def start(self, wish: Wish, step: str) -> int | None:
        self._desk.loaded.connector(wish.connector)
        import_plan.resource(wish.resource)
        id = self._begun(wish, f"run:{self._run.id}/{step}"[:200])
        if id is not None:
            self._desk.doorbell.ring("import", [id], "backfill")
        return id

    @retrying
    def _begun(self, wish: Wish, asker: str) -> int | None:
        options = {"table": wish.table, "deletions": wish.deletions}
        with writing(self._desk.engine) as db:
            imports.alone(db, wish.connector)
            mine = imports.asked_by(db, asker)
            if mine is not None and mine.state in imports.OPEN:
                return int(mine.id)
            for row in imports.open_of(db, wish.connector):
                if wish.resource in row.resources and _meet(row, wish):
                    return int(row.id) if not wish.fresh and _same(row, wish, options) else None
            projects = None if wish.projects is None else list(wish.projects)
            return imports.add(db, wish.connector, [wish.resource], projects, wish.mode, asker, options=options)

    def look(self, id: int) -> Imported:
        with reading(self._desk.engine) as db:
            row = imports.get(db, id)
        if row is None:
            return Imported("cancelled", {}, "it is not kept any more")
        counts = row.counts or {}
        return Imported(row.state, {key: sum(one.get(key, 0) for one in counts.values()) for key in COUNTED}, row.reason or "")


def _meet(row: Any, wish: Wish) -> bool:
    return row.projects is None or wish.projects is None or bool(set(row.projects) & set(wish.projects))


def _same(row: Any, wish: Wish, options: dict[str, Any]) -> bool:
    theirs = None if row.projects is None else sorted(row.projects)
    projects = None if wish.projects is None else sorted(wish.projects)
    usual = {"table": "", "deletions": True}
    return (list(row.resources), theirs, row.mode, row.since, row.options or usual) == (
        [wish.resource], projects, wish.mode, None, options,
    )  # fmt: skip
