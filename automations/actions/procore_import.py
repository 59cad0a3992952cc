"""Read a whole resource into its table, and wait for it.

The import is done by the workers, in the backfill lane, page by page from its checkpoint; the run waits meanwhile and
survives restarts. `incremental` reads what changed since the last import, `full` everything. When the run is cancelled,
so is the import; what it read stays.

```yaml
use: procore.import
with: {resource: RFIs, mode: incremental}
```
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from automations.actions._shapes import Resource, Table, Text
from automations.chores import Imported, Wish
from automations.context import Context
from automations.effects import summary
from automations.fields import INT, a_map
from automations.outcomes import Done, Wait
from automations.written import Strict
from config.errors import Permanent

POLICY = "row"
FIXED = ("connector", "table")
OUTPUT = a_map(None, new=INT, changed=INT, unchanged=INT, deleted=INT, calls=INT)
COUNTED = ("new", "changed", "unchanged", "deleted", "calls")
FIRST_S, LONGEST_S = 2.0, 30.0


class Params(Strict):
    resource: Resource
    connector: str | None = None
    """the event's own; another one only of the same company"""
    mode: Literal["full", "incremental"] = "incremental"
    checkpoint: bool = True
    """go on with one that was begun for the same; `false` begins anew"""
    detect_deletes: bool = False
    """mark what a full import did not find any more, by evidence only"""
    projects: list[Text] | None = None
    """all that are permitted"""
    table: Table | None = None
    """the resource's own"""


def run(params: Params, context: Context) -> Done | Wait:
    connector = context.connector(params.connector)
    if context.dry:
        return Done(summary("procore.import", f"{params.mode} import of {params.resource} from {connector}") | _told({}))
    memory = context.memory if isinstance(context.memory, dict) else {}
    imports = context.tools.imports()
    id = memory.get("import")
    if id is None:
        projects = tuple(params.projects) if params.projects is not None else None
        wish = Wish(
            connector, params.resource, params.mode, projects, params.table or "", params.detect_deletes, not params.checkpoint
        )
        id = imports.start(wish, f"{context.step}[{context.item_key}]" if context.item_key else context.step)
    if id is None:
        return _later(context, memory, None, f"waits until another import of {params.resource} has ended")
    found = imports.look(id)
    if found.state in ("waiting", "running"):
        return _later(context, memory, id, f"waits for import {id} of {params.resource}")
    return _ended(params, id, found)


def _later(context: Context, memory: dict[str, Any], id: int | None, reason: str) -> Wait:
    """Look again soon at first, then less and less often."""
    wait_s = min(LONGEST_S, float(memory.get("wait_s", FIRST_S / 1.5)) * 1.5)
    return Wait(context.moment + timedelta(seconds=wait_s), {"import": id, "wait_s": wait_s}, reason)


def _ended(params: Params, id: int, found: Imported) -> Done:
    if found.state != "ok":
        why = f": {found.reason}" if found.reason else ""
        raise Permanent(
            f"procore.import: import {id} of {params.resource} ended as {found.state}{why}. See: tieback imports show {id}",
            kind=f"import_{found.state}",
        )
    return Done(_told(found.counts))


def _told(counts: Any) -> dict[str, int]:
    return {name: int(counts.get(name, 0)) for name in COUNTED}
