"""Check automations of the site as they are now, as `tieback rules check` does.

A name is an automation's, or a connector's, which means the automations that use it; an empty one means all.

```yaml
use: rules.check
with: {names: ["${event.connector}"]}
```
"""

from __future__ import annotations

from automations.actions._shapes import Text
from automations.context import Context
from automations.fields import INT, TEXT, a_list, a_map
from automations.outcomes import Done
from automations.written import Strict

POLICY = "none"
OUTPUT = a_map(None, errors=INT, warnings=INT, lines=a_list(TEXT))
MOST_LINES = 100


class Params(Strict):
    names: list[Text] = []
    """all automations when there is none"""


def run(params: Params, context: Context) -> Done:
    found = context.tools.rules().check(params.names)
    return Done({"errors": found.errors, "warnings": found.warnings, "lines": list(found.lines[:MOST_LINES])})
