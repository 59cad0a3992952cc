"""Create or change many records at Procore in one call for each thousand.

Each row has an `origin_id`, your own key for it, or Procore's `id`: what is there is changed, what is not is created. A
row that Procore refuses fails the step, and each is named; the others are written all the same.

```yaml
use: procore.sync
with:
  resource: Company Vendors
  rows:
    - {origin_id: "v-7", name: Volt Electric}
    - {origin_id: "v-8", name: "Vendor of ${record.number}"}
```
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import field_validator, model_validator

from automations.actions import _procore
from automations.actions._procore import Place
from automations.actions._shapes import Resource, Text
from automations.context import Context
from automations.effects import summary
from automations.fields import INT, OPEN, TEXT, a_list, a_map
from automations.outcomes import Done
from automations.values import plain
from automations.written import Strict, complain
from config.errors import Permanent
from connectors import catalogue
from connectors.writes import MOST_ROWS

POLICY = "natural_key"
FIXED = ("resource", "connector")
OUTPUT = a_map(None, written=INT, ids=OPEN, left=a_list(TEXT))
MOST_NAMED = 20

Rows = list[dict[str, Any]]


class Params(Strict):
    resource: Resource
    rows: list[dict[str, Any]]
    """each with an `origin_id` or an `id`"""
    connector: str | None = None
    """the event's own; another one only of the same company"""
    project_id: Text | None = None
    """the event's own"""
    parent: Text | None = None

    @model_validator(mode="after")
    def _has_a_bulk_upsert(self) -> Params:
        row = catalogue.resource(self.resource)
        if row is not None and row.sync_path is None:
            raise complain("TB133", f"{row.name} has no bulk upsert at Procore; use procore.create and procore.update")
        return self

    @field_validator("rows")
    @classmethod
    def _keyed(cls, rows: Rows) -> Rows:
        seen: set[str] = set()
        for number, row in enumerate(rows, 1):
            key = _key(row)
            if not key:
                raise complain("TB135", f"row {number} has neither origin_id nor id, so a second call would create it twice")
            if key in seen:
                raise complain("TB135", f"row {number} has the same {key} as an earlier one; put them together")
            seen.add(key)
        return rows


def run(params: Params, context: Context) -> Done:
    where = _procore.place(context, params)
    if context.dry:
        return Done(summary("procore.sync", f"{len(params.rows)} rows of {params.resource} at {where.connector}") | _told([], []))
    written: list[dict[str, Any]] = []
    left: Rows = []
    for number, chunk in enumerate(_chunks(plain(params.rows)), 1):
        fitting = _fitting(context, where, number, chunk)
        left += chunk[fitting:]
        if fitting:
            written += _write(context, where, f"{where.target} part {number} of {fitting}", chunk[:fitting])
    if left and not written:
        raise Permanent(context.tools.caps().refusal("writes", len(left)), kind="cap")
    return Done(_told(written, left))


def _chunks(rows: Rows) -> Iterator[Rows]:
    for start in range(0, len(rows), MOST_ROWS):
        yield rows[start : start + MOST_ROWS]


def _fitting(context: Context, where: Place, number: int, chunk: Rows) -> int:
    """How many of these rows the automation may still write."""
    line = f"{len(chunk)} rows of {where.resource} at {where.connector}"
    effect = context.effect_key(f"{where.target} part {number}")
    return context.tools.caps().take("writes", len(chunk), effect, line, at_procore=True)


def _write(context: Context, where: Place, target: str, rows: Rows) -> list[dict[str, Any]]:
    effect = context.effect_key(target)
    own = context.tools.own_writes()

    def call() -> list[dict[str, Any]]:
        own.begin(effect, where.connector, where.resource, "", where.project_id or "", where.parent or "")
        answer = _procore.at(context, where).sync(where.resource, rows, where.project_id, where.parent)
        own.answered(effect, answer.records)
        if answer.refused:
            raise Permanent(_refused(where, rows, answer.refused), kind="sync_errors")
        return [{key: one.get(key) for key in ("id", "origin_id")} for one in answer.records]

    line = f"write {len(rows)} rows of {where.resource} at {where.connector}"
    found: list[dict[str, Any]] = context.perform("natural_key", target, line, rows, call)
    return found


def _refused(where: Place, rows: Rows, refused: Any) -> str:
    named = [f"row {_row(rows, one)}: {one.said}" for one in refused[:MOST_NAMED]]
    more = f"; and {len(refused) - MOST_NAMED} more" if len(refused) > MOST_NAMED else ""
    return (
        f"procore.sync: Procore refused {len(refused)} of {len(rows)} rows of {where.resource}; the others are written. "
        f"{'; '.join(named)}{more}. Correct them and run it again."
    )


def _row(rows: Rows, one: Any) -> str:
    if one.index is None:
        return f"with origin_id {one.origin_id!r}" if one.origin_id else "that it does not name"
    return f"{one.index + 1} ({_key(rows[one.index])})"


def _key(row: dict[str, Any]) -> str:
    """`origin_id v-7`; "" when there is none."""
    return next((f"{name} {row[name]}" for name in ("origin_id", "id") if row.get(name) not in (None, "")), "")


def _told(written: list[dict[str, Any]], left: Rows) -> dict[str, Any]:
    ids = {str(one["origin_id"]): one["id"] for one in written if one.get("origin_id") is not None}
    return {"written": len(written), "ids": ids, "left": [_key(row) for row in left]}
