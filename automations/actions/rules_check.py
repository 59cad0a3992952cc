"""Check automations of the site as they are now, as `tieback rules check` does.

A name is an automation's, or a connector's, which means the automations that use it; an empty one means all. With `backtest:`
they are also run over the events of that time, as `tieback rules backtest` does: `would_fire` and `fired` count what they
would do now and did then, `differing` the events where that is not the same.

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
from automations.written import Duration, Strict

POLICY = "none"
OUTPUT = a_map(None, errors=INT, warnings=INT, lines=a_list(TEXT), would_fire=INT, fired=INT, differing=INT)
MOST_LINES = 100


class Params(Strict):
    names: list[Text] = []
    """all automations when there is none"""
    backtest: Duration | None = None
    """over how long, such as 24h"""


def run(params: Params, context: Context) -> Done:
    found = context.tools.rules().check(params.names, params.backtest)
    counts = {"would_fire": found.would_fire, "fired": found.fired, "differing": found.differing}
    return Done({"errors": found.errors, "warnings": found.warnings, "lines": list(found.lines[:MOST_LINES]), **counts})
