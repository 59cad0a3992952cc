"""Count something, for the metrics page: each run counts once, however often it is retried.

The counter is a row of the database, raised in the transaction that finishes the step. Labels tell sorts apart, such as a
status; a label that differs for every record (an id, a title) would make a counter per record and is refused at 100.

```yaml
use: metrics.count
with:
  name: rfis_seen
  labels: {status: "${record.status}"}
```
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field, field_validator

from automations.actions._shapes import spelled
from automations.context import Context
from automations.effects import summary
from automations.fields import Field as Kind
from automations.fields import a_map
from automations.outcomes import Done
from automations.written import Strict, complain

POLICY = "row"
FIXED = ("name",)
OUTPUT = a_map(None, value=Kind("float"))
MOST_LABELS, LONGEST_LABEL = 5, 100
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")


class Params(Strict):
    name: str
    """of the counter: lower-case letters, digits and `_`"""
    labels: Annotated[dict[str, Any], Field(max_length=MOST_LABELS)] = {}
    """what tells sorts of it apart; a hundred different ones at most"""
    by: Annotated[int | float, Field(ge=0, le=1e15, allow_inf_nan=False)] = 1
    """how much to add"""

    @field_validator("name")
    @classmethod
    def _named(cls, value: str) -> str:
        if not _NAME.match(value):
            raise complain("TB133", f'"{value[:80]}" is no name of a counter: lower-case letters, digits and _')
        return value

    @field_validator("labels")
    @classmethod
    def _labelled(cls, value: dict[str, Any]) -> dict[str, Any]:
        for label in value:
            if not _NAME.match(label):
                raise complain("TB133", f'"{label[:80]}" is no name of a label: lower-case letters, digits and _')
        return value


def run(params: Params, context: Context) -> Done:
    labels = {name: spelled(value)[:LONGEST_LABEL] for name, value in params.labels.items()}
    if context.dry:
        return Done(summary("metrics.count", f"{params.name} + {params.by}", {"labels": labels}) | {"value": 0.0})
    return Done({"value": context.journal.count(params.name, labels, float(params.by))})
