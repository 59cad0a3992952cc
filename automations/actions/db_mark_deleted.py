"""Mark a row as deleted; it stays in the table with `deleted_at` filled.

`result` is marked, already or absent; dry when nothing is written outside.

```yaml
use: db.mark_deleted
with: {table: rfis, key: {project_id: "${event.project_id}", id: "${event.resource_id}"}, at: "${event.timestamp}"}
```
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from automations.actions._shapes import Column, Moment, Table
from automations.actions._where import ToSql, database
from automations.actions.db_upsert import elsewhere
from automations.context import Context
from automations.effects import summary
from automations.fields import a_map, one_of
from automations.functions import iso
from automations.journal import RowDeletion
from automations.outcomes import Done
from automations.written import Strict

POLICY = "row"
FIXED = ("table", "to")
OUTPUT = a_map(None, result=one_of("marked", "already", "absent", "dry"))


class Params(Strict):
    table: Table
    key: Annotated[dict[Column, Any], Field(min_length=1)]
    """the columns that make the row unique, with their values"""
    at: Moment | None = None
    """when it was deleted; now when left out"""
    to: ToSql | None = None
    """another database, `sql:<name>`; our own when left out"""


def run(params: Params, context: Context) -> Done:
    # Two connectors may hold the same id: a deletion never reaches into the other's rows. Rows of own columns are unique by
    # what their `key:` says, here as in db.upsert.
    key = {"connector": context.event.connector, **params.key} if "id" in params.key else dict(params.key)
    if context.dry:
        return Done(summary("db.mark_deleted", f"a row of {params.table}", key) | {"result": "dry"})
    deletion = RowDeletion(params.table, key, params.at or iso(context.now), database(params.to))
    if not params.to:
        return Done({"result": context.journal.mark_deleted(deletion)})
    return Done({"result": elsewhere(context, params.to, params.table, lambda: context.journal.mark_deleted(deletion))})
