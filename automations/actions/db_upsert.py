"""Write one row of a table, or change it when it is there.

`row: ${record}` keeps the record in the standard columns: connector, company_id, project_id, id, updated_at,
deleted_at, fetched_at, event_id, run_id, record_hash and body, unique by connector and id. Any other row needs
`key:` and gets one column per name, beside connector and company_id. `columns:` adds typed columns to either.
`result` is inserted, updated, unchanged or older; dry when nothing is written outside. With `to: sql:<name>` the table
is in that database: written there before the step is kept, and once more after a crash, which by key and version changes
nothing.

```yaml
use: db.upsert
with:
  table: rfis
  row: ${record}
  columns: {due: "${record.due_date}", manager: "${record.rfi_manager.name}"}
  version: ${record.updated_at}
```
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from automations.actions._shapes import Column, Moment, Table, Text, column, is_record
from automations.actions._where import ToSql, database
from automations.context import Context
from automations.effects import summary
from automations.fields import a_map, one_of
from automations.journal import RowChange
from automations.outcomes import Done
from automations.written import Strict, complain

POLICY = "row"
FIXED = ("table", "to")
OUTPUT = a_map(None, result=one_of("inserted", "updated", "unchanged", "older", "dry"))


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Params(Strict):
    table: Table
    row: Any
    """`${record}`, or a map of column to value"""
    key: Annotated[list[Column], BeforeValidator(_listed, json_schema_input_type=str | list[str]), Field(min_length=1)] | None = (
        None
    )
    """the columns that make the row unique; not with `row: ${record}`"""
    columns: dict[Column, Any] = {}
    """columns beside those of `row`"""
    version: Moment | Text | None = None
    """what tells an older row from a newer one; `record.updated_at` when left out with `row: ${record}`"""
    if_newer: bool = True
    """an older version never overwrites a newer one"""
    to: ToSql | None = None
    """another database, `sql:<name>`; our own when left out"""

    @model_validator(mode="after")
    def _keyed(self) -> Params:
        if is_record(self.row):
            return self
        if self.row is None:
            raise complain("TB133", 'there is no record to write; for deletions write if: event.action != "delete"')
        if self.key is None:
            raise complain(
                "TB135", 'db.upsert needs "key:" for a row that is not ${record}; name the columns that make it unique'
            )
        for name in self.row if isinstance(self.row, dict) else ():
            column(name)
        if isinstance(self.row, dict) and (lacking := [k for k in self.key if k not in self.row]):
            raise complain("TB135", f'the row has no "{lacking[0]}", which key: names; add it to row:')
        return self


def run(params: Params, context: Context) -> Done:
    change = _standard(params) if is_record(params.row) else _named(params, context)
    if context.dry:
        return Done(summary("db.upsert", f"a row of {params.table}") | {"result": "dry"})
    if not params.to:
        return Done({"result": context.journal.upsert(change)})
    return Done({"result": elsewhere(context, params.to, params.table, lambda: context.journal.upsert(change))})


def elsewhere(context: Context, to: str, table: str, write: Callable[[], str]) -> Any:
    """A write to another database is an effect: it cannot be committed together with the step."""
    return context.perform("idempotent", f"{to} {table}", f"a row of {table} in {to}", {"table": table}, write)


def _standard(params: Params) -> RowChange:
    version = params.version or params.row.get("updated_at")
    return RowChange(
        params.table, params.row, ("connector", "id"), True, params.columns, version, params.if_newer, database(params.to)
    )


def _named(params: Params, context: Context) -> RowChange:
    filled = {"connector": context.event.connector, "company_id": context.event.company_id, **params.row}
    return RowChange(
        params.table, filled, tuple(params.key or ()), False, params.columns, params.version, params.if_newer, database(params.to)
    )
