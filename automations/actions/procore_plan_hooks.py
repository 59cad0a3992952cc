"""Compare the hooks at Procore with what the automations need; nothing is done.

`connectors: changed` plans for the connector that the event names, and for every connector when it names none.

```yaml
use: procore.plan_hooks
with: {connectors: changed}
```
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from automations.context import Context
from automations.fields import INT, TEXT, a_list, a_map
from automations.outcomes import Done
from automations.written import Strict

POLICY = "none"
FIXED = ("connectors",)
OUTPUT = a_map(None, id=TEXT, changes=INT, creates=INT, deletes=INT, lines=a_list(TEXT), problems=a_list(TEXT))


class Params(Strict):
    connectors: Literal["changed"] | Annotated[list[str], Field(min_length=1)] = "changed"


def run(params: Params, context: Context) -> Done:
    context.budget.spend()
    found = context.tools.subscriptions().plan(_wanted(params, context), context.step)
    return Done(
        {
            "id": found.id, "changes": found.changes, "creates": found.creates, "deletes": found.deletes,
            "lines": list(found.lines), "problems": list(found.problems),
        }
    )  # fmt: skip


def _wanted(params: Params, context: Context) -> list[str] | None:
    if params.connectors != "changed":
        return [context.connector(name) for name in params.connectors]
    if context.event.source != "config":
        return [context.connector(None)] if context.event.connector else None
    if context.event.kind == "connector.removed":
        return []  # its hooks went with it
    return [context.event.name] if context.event.kind.startswith("connector.") and context.event.name else None
