"""What steps may look for: deliveries that were missed, and mistakes in automations."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Engine

from automations import definition
from automations.chores import Missed, Verdict
from automations.known import Known
from config.errors import ConfigError
from config.problems import Problems
from store import definitions, timers
from store.session import reading
from workers import backtest, repair, site
from workers.desk import Desk
from workers.loaded import site_tables

# The log of API v2.0 says of one that is tried again that it is retrying, that of v1.0 failing.
STATUSES = {"failing": ("failing", "failed", "retrying"), "discarded": ("discarded",)}
MOST_REASONS = 20


class StepRepairs:
    def __init__(self, desk: Desk, lane: str):
        self._desk, self._lane = desk, lane

    def look(self, connector: str, since_s: float, statuses: Sequence[str]) -> Missed:
        with reading(self._desk.engine) as db:
            since = timers.clock(db) - dt.timedelta(seconds=since_s)
        wanted = {word for status in statuses for word in STATUSES[status]}
        report = repair.look(self._desk, connector, since=since, lane=self._lane, statuses=wanted)
        reasons = [f"{one['what']}: {one['reason']}" for one in report.items if one["outcome"] == "unrepairable"]
        return Missed(report.found, report.repaired, report.unrepairable, tuple(reasons[:MOST_REASONS]))


class StepRules:
    def __init__(self, engine: Engine):
        self._engine = engine

    def check(self, names: Sequence[str], backtest_s: float | None = None) -> Verdict:
        with reading(self._engine) as db:
            known = site.known_now(db)
            meant = [row for row in definitions.every(db) if _is_meant(db, row, names)]
            found = [_checked(row, known) for row in meant]
            since = None if backtest_s is None else timers.clock(db) - dt.timedelta(seconds=backtest_s)
        lines = [line for _, _, told in found for line in told]
        verdict = Verdict(sum(one[0] for one in found), sum(one[1] for one in found), tuple(lines))
        return verdict if since is None else self._tried(verdict, [row for row in meant if not row.broken and row.source], since)

    def _tried(self, verdict: Verdict, rows: Sequence[Any], since: dt.datetime) -> Verdict:
        """What those that load would have done; one that this code no longer reads is counted as an error already."""
        with reading(self._engine) as db:
            tables = site_tables(db)
        for row in rows:
            with suppress(ConfigError):
                done = backtest.run(self._engine, definition.load(row.source, row.file), since, tables, shown=0)
                verdict = replace(
                    verdict, would_fire=verdict.would_fire + done.would, fired=verdict.fired + done.was,
                    differing=verdict.differing + done.differ,
                )  # fmt: skip
        return verdict


def _is_meant(db: Connection, row: Any, names: Sequence[str]) -> bool:
    return not names or "" in names or row.name in names or bool(set(_connectors_of(row)) & set(names))


def _connectors_of(row: Any) -> tuple[str, ...]:
    """What it uses, whether there is such a connector or not."""
    try:
        return definition.load(row.source, row.file).connectors if row.source else ()
    except ConfigError:
        return ()


def _checked(row: Any, known: Known) -> tuple[int, int, list[str]]:
    """Errors, warnings, and a line for each. A file that is broken counts, though its last good version is in force."""
    if row.broken:
        return 1, 0, [row.broken.splitlines()[0]]
    try:
        warnings = definition.load(row.source, row.file, known).warnings
    except Problems as problems:
        wrong = [one for one in problems.found if one.severity == "error"]
        return len(wrong), len(problems.found) - len(wrong), [str(one) for one in problems.found]
    except ConfigError as error:
        return 1, 0, [str(error)]
    return 0, len(warnings), [str(one) for one in warnings]
