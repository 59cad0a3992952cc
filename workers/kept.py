"""From the engine's values to what rows hold, and back."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy.exc import StatementError

from automations.journal import RowQuery, StepResult
from config.errors import Permanent
from config.hiding import HIDDEN, scrub
from store import queries

MAX_KEPT_BYTES = 256 * 1024


def result_of(step: Any) -> StepResult:
    return StepResult(step.path, step.state, step.attempt, step.output, step.error, step.inputs, step.duration_ms)


def query_of(query: RowQuery) -> queries.Query:
    return queries.Query(
        query.table, query.where, query.order, query.limit, query.columns, query.deleted, query.connector
    )  # fmt: skip


def moment_of(text: str | None) -> dt.datetime | None:
    if not text:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise Permanent(f'"{text[:60]}" is no ISO 8601 time', kind="value") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def small(value: Any) -> Any:
    """What is kept for explaining: JSON without secrets, and a note instead of something huge."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        value = dict(value)
    text = scrub(json.dumps(value, default=str, ensure_ascii=True), HIDDEN)
    if len(text) > MAX_KEPT_BYTES:
        return {"omitted": f"{len(text) // 1024} KiB; a step keeps at most {MAX_KEPT_BYTES // 1024} KiB"}
    try:
        return json.loads(text)
    except ValueError:  # a secret was cut out of the middle of an escape
        return {"omitted": f"it held a secret: {HIDDEN}"}


def in_short(error: StatementError) -> str:
    return " ".join(str(error.orig or error).split())[:300]
