"""Start another automation that has a `manual` trigger. It finds `values` in `event.body`, and the project in `event.project_id`.

```yaml
use: run.start
with: {automation: close-out, values: {number: "${record.number}"}}
```
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from automations.context import Context
from automations.effects import summary
from automations.fields import ID, a_map
from automations.outcomes import Done, Start
from automations.values import plain
from automations.written import Id, Strict

POLICY = "row"
FIXED = ("automation",)
OUTPUT = a_map(None, run_id=ID)


class Params(Strict):
    automation: Annotated[Id, Field(description="the id of the automation")]
    values: Annotated[dict[str, Any], Field(description="what it finds in event.body")] = {}


def run(params: Params, context: Context) -> Done | Start:
    if context.dry:
        return Done(summary("run.start", params.automation) | {"run_id": ""})
    return Start(params.automation, plain(params.values))
