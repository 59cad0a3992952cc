"""Wait for some time, for days if need be; the wait survives restarts and costs nothing meanwhile.

```yaml
use: wait.for
with: {duration: 48h}
```
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from automations.context import Context
from automations.fields import TIME, a_map
from automations.functions import iso
from automations.outcomes import Done, Wait
from automations.written import Duration, Strict

POLICY = "none"
OUTPUT = a_map(None, until=TIME)


class Params(Strict):
    duration: Annotated[Duration, Field(gt=0, description="how long, such as 48h or 3d")]


def run(params: Params, context: Context) -> Done | Wait:
    if context.memory is not None:
        return Done({"until": context.memory})
    until = context.moment + timedelta(seconds=params.duration)
    return Wait(until, memory=iso(until))
