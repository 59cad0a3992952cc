"""Read a list of records from Procore now.

Without `limit:` a list of more than 1000 records is an error, because a part of it would look like all of it; with
`limit:` the first so many come. What is to be kept whole is imported instead. Each page counts as a call.

```yaml
use: procore.list
with: {resource: Observation Items, filters: {status: open}, limit: 50}
```
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import Field as Limited

from automations.actions import _procore
from automations.actions._shapes import Resource, Text
from automations.context import Context
from automations.fields import Field, a_list, of_resource
from automations.known import Known
from automations.outcomes import Done
from automations.output import MAX_BYTES
from automations.values import plain
from automations.written import Strict
from config.errors import Permanent
from connectors import catalogue

POLICY = "none"
FIXED = ("resource", "connector")
MOST = 1000


class Params(Strict):
    resource: Resource
    connector: str | None = None
    """the event's own; another one only of the same company"""
    project_id: Text | None = None
    """the event's own"""
    parent: Text | None = None
    filters: dict[str, Any] = {}
    """what stands inside `filters[…]` in Procore's reference"""
    limit: Annotated[int, Limited(ge=1, le=10_000)] | None = None


def output(given: dict[str, Any], known: Known) -> Field:
    """a list of records, with the fields of their resource as its list has them"""
    row = known.resource(str(given.get("resource", "")))
    return a_list(of_resource(row) if row is not None else None)


def run(params: Params, context: Context) -> Done:
    where = _procore.place(context, params)
    _below_a_parent(params)
    procore = _procore.at(context, where, calls=0)
    pages = procore.paged(
        params.resource, where.project_id, parent=params.parent, filters=plain(params.filters), asking=context.budget.spend
    )
    found: list[dict[str, Any]] = []
    size = 0
    for page in pages:
        for record in page.records:
            if len(found) == (params.limit or MOST):
                return _enough(params, found)
            found.append(record)
            size += len(json.dumps(record, default=str))
        if size > MAX_BYTES:
            raise _too_much(params, f"{len(found)} of its records are {size // 1024} KiB, and a step keeps {MAX_BYTES // 1024}")
    return Done(found)


def _enough(params: Params, found: list[dict[str, Any]]) -> Done:
    if params.limit is None:
        raise _too_much(params, f"it has more than {MOST} records")
    return Done(found)


def _too_much(params: Params, seen: str) -> Permanent:
    return Permanent(
        f"procore.list: the list of {params.resource} is too much for a step: {seen}. Narrow it with filters:, take fewer with "
        "limit:, or keep it in a table with procore.import.",
        kind="too_much",
    )


def _below_a_parent(params: Params) -> None:
    """A parent that a list does not ask for would be ignored by Procore, and all its records would look like the parent's."""
    row = catalogue.resource(params.resource)
    if params.parent and row is not None and row.list_parent is None:
        raise Permanent(
            f"procore.list: the list of {row.name} has no parent at Procore, so parent: would change nothing. Leave it out and "
            "narrow the list with filters:, or choose among the output.",
            kind="parameters",
        )
