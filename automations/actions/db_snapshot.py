"""Keep what stands now: add the rows of a table, or one row, to a table of history.

The table of history has the same columns and `snapshot_at`, `snapshot_run`, `snapshot_step`. It is made, and follows
the other table as that gets columns. Written with the step, once per run and step.

```yaml
use: db.snapshot
with: {table: rfis, into: rfis_history, where: {status: open}}
```
"""

from __future__ import annotations

from typing import Any

from pydantic import model_validator

from automations.actions._shapes import Column, Moment, Table, column, is_record
from automations.actions._where import Where, query
from automations.context import Context
from automations.effects import summary
from automations.fields import INT, TIME, a_map
from automations.functions import iso
from automations.journal import RowChange, RowQuery, Snapshot
from automations.outcomes import Done
from automations.written import Strict, complain
from config.errors import Permanent

POLICY = "row"
FIXED = ("table", "into")
OUTPUT = a_map(None, rows=INT, at=TIME)


class Params(Strict):
    into: Table
    """the table of history"""
    table: Table | None = None
    """the table whose rows are kept; not together with `row:`"""
    row: Any = None
    """`${record}`, or a map of column to value: one row that is at hand"""
    where: Where = ()
    """which rows of the table, as in db.query"""
    columns: dict[Column, Any] = {}
    """columns beside those of `row`"""
    deleted: bool = False
    """rows that are marked deleted as well"""
    at: Moment | None = None
    """the time that they are kept under; that of the run when left out"""

    @model_validator(mode="after")
    def _of_one(self) -> Params:
        if (self.table is None) == ("row" not in self.model_fields_set):
            raise complain(
                "TB133", "db.snapshot takes table: for rows that stand in one, or row: for one at hand; write one of them"
            )
        if self.table == self.into:
            raise complain("TB133", f'into: "{self.into}" is the table itself; name another for the history')
        if self.table is None and self.where:
            raise complain("TB133", "where: goes with table:; take it out")
        for name in self.row if isinstance(self.row, dict) and not is_record(self.row) else ():
            column(name)
        return self


def run(params: Params, context: Context) -> Done:
    at = params.at or iso(context.now)
    of = _rows(params, context) if params.table else _row(params, context)
    if context.dry:
        return Done(summary("db.snapshot", f"rows into {params.into}") | {"rows": 0, "at": at})
    step = f"{context.step}[{context.item_key}]" if context.item_key else context.step
    return Done({"rows": context.journal.snapshot(Snapshot(params.into, at, step, of)), "at": at})


def _rows(params: Params, context: Context) -> RowQuery:
    return query(context, params.table or "", params.where, deleted=params.deleted)


def _row(params: Params, context: Context) -> RowChange:
    if not isinstance(params.row, dict):
        raise Permanent(
            "db.snapshot: row: is no map, so there is nothing to keep. After a delete there is no record.", kind="record"
        )
    if is_record(params.row):
        return RowChange(params.into, params.row, (), True, params.columns, params.row.get("updated_at"))
    filled = {"connector": context.event.connector, "company_id": context.event.company_id, **params.row}
    return RowChange(params.into, filled, (), False, params.columns)
