"""Read one record from Procore now.

The triggering record is already there as `record`; this is for its neighbours.

```yaml
use: procore.get
with: {resource: Projects, id: "${event.project_id}"}
```
"""

from __future__ import annotations

from typing import Any

from automations.actions._shapes import Resource, Text
from automations.context import Context
from automations.fields import Field, of_resource
from automations.known import Known
from automations.outcomes import Done
from automations.written import Strict

POLICY = "none"
FIXED = ("resource", "connector")


class Params(Strict):
    resource: Resource
    id: Text
    connector: str | None = None
    project_id: Text | None = None
    parent: Text | None = None


def output(given: dict[str, Any], known: Known) -> Field:
    """the record, with the fields of its resource"""
    row = known.resource(str(given.get("resource", "")))
    return of_resource(row) if row is not None else Field("map", fields=None)


def run(params: Params, context: Context) -> Done:
    project = params.project_id or context.event.project_id or None
    return Done(context.procore(params.connector).get(params.resource, params.id, project, params.parent))
