"""Compute values and give them names.

Every parameter is yours to name; later steps read them as `steps.<id>.output.<name>`.

```yaml
use: set
with:
  subject: "RFI ${record.number}: ${record.title}"
  is_late: ${record.due_date != null && record.due_date < run.today}
```
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from automations.context import Context
from automations.fields import ANY, Field
from automations.outcomes import Done

POLICY = "none"


class Params(BaseModel):
    model_config = ConfigDict(extra="allow")


def output(given: dict[str, Any], known: object) -> Field:
    """the same names with their values"""
    return Field("map", fields={str(name): ANY for name in given})


def run(params: Params, context: Context) -> Done:
    return Done(dict(params.model_extra or {}))
