"""Ask Procore's log of deliveries what never arrived here, and bring it in.

What is brought in takes the path of any event, so the automations that missed it run.

```yaml
use: procore.check_deliveries
with: {since: 26h, status: [failing, discarded]}
```
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from automations.context import Context
from automations.effects import summary
from automations.fields import INT, TEXT, a_list, a_map
from automations.outcomes import Done
from automations.written import Duration, Strict

POLICY = "row"
FIXED = ("connector",)
OUTPUT = a_map(None, found=INT, missed=INT, repaired=INT, unrepairable=INT, reasons=a_list(TEXT))

Status = Literal["failing", "discarded"]


class Params(Strict):
    connector: str | None = None
    """the event's own; another one only of the same company"""
    since: Duration = 26 * 3600.0
    """how far back; Procore counts in days"""
    status: Annotated[list[Status], Field(min_length=1)] = ["failing", "discarded"]


def run(params: Params, context: Context) -> Done:
    name = context.connector(params.connector)
    if context.dry:
        told = {"found": 0, "missed": 0, "repaired": 0, "unrepairable": 0, "reasons": []}
        return Done(summary("procore.check_deliveries", f"what {name} missed") | told)
    context.budget.spend()
    found = context.tools.repairs().look(name, params.since, params.status)
    return Done(
        {
            "found": found.found, "missed": found.found, "repaired": found.repaired, "unrepairable": found.unrepairable,
            "reasons": list(found.reasons),
        }
    )  # fmt: skip
