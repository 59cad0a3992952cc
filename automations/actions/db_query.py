"""Read rows of a table: at most a list that a step can keep; for more, `table:` of a file action.

Never SQL: `where` compares columns with values, all of which must hold. Rows marked deleted and rows of other
connectors are left out unless `deleted: true`, or `where` names `connector`.

```yaml
use: db.query
with:
  table: rfis
  where: {status: open, due: {lt: "${run.today}"}}
  order: [due]
  columns: [id, number, due]
  limit: 50
```
"""

from __future__ import annotations

import json
from contextlib import closing
from typing import Annotated, Any

from pydantic import Field

from automations.actions._shapes import Column, Table
from automations.actions._where import Order, ToSql, Where, query
from automations.context import Context
from automations.fields import INT, OPEN, a_list, a_map
from automations.fields import Field as Kind
from automations.outcomes import Done
from automations.output import MAX_BYTES
from automations.written import Strict
from config.errors import Permanent

POLICY = "none"
FIXED = ("table", "to")
OUTPUT = a_map(None, rows=a_list(OPEN), count=INT, more=Kind("bool"))
_ROOM = MAX_BYTES - 1024


class Params(Strict):
    table: Table
    where: Where = ()
    """comparisons that must all hold: `column: value`, `column: [one, of these]`, or a map of `is`, `not`, `in`,
    `not_in`, `lt`, `le`, `gt`, `ge`, `contains`, `starts`"""
    order: Order = ()
    """columns, each with `desc` behind it for the other way; what is null comes last"""
    columns: list[Column] = []
    """the columns wanted; all when left out"""
    limit: Annotated[int, Field(ge=1, le=10_000)] = 100
    """rows at most; `more` says whether there are others"""
    deleted: bool = False
    """rows that are marked deleted as well"""
    to: ToSql | None = None
    """another database, `sql:<name>`; our own when left out"""


def run(params: Params, context: Context) -> Done:
    asked = query(
        context, params.table, params.where, params.order, limit=params.limit + 1, columns=tuple(params.columns),
        deleted=params.deleted, to=params.to,
    )  # fmt: skip
    rows: list[dict[str, Any]] = []
    size = 0
    with closing(context.journal.stream(asked)) as found:
        for row in found:
            if len(rows) == params.limit:
                return Done({"rows": rows, "count": len(rows), "more": True})
            size += len(json.dumps(row, default=str)) + 2
            if size > _ROOM:
                raise _too_much(params)
            rows.append(row)
    return Done({"rows": rows, "count": len(rows), "more": False})


def _too_much(params: Params) -> Permanent:
    return Permanent(
        f"db.query: these rows of {params.table} are more than {MAX_BYTES // 1024} KiB, the most that a step keeps. "
        f"Ask for fewer columns: or a smaller limit:; for a list of any size use a file action with table: {params.table}.",
        kind="output",
    )
