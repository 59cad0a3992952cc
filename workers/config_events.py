"""Changes of configuration as events: told by CLI, console, files or another program, they take the path of any other.

Before rules hear of one, what it makes necessary is set going: a changed connector is validated and its hooks
are compared, changed automations are read again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from store import announcements, connectors, definitions, hooks, timers
from workers.events import Said

SOON_S = 1.0
SITE = "site"  # who tells of what the site's files changed


def note(db: Connection, kind: str, name: str, actor: str, detail: Mapping[str, Any] | None = None) -> int:
    """Make a change known, in the transaction that makes the change. Returns the event's id; the relay rings for it.

    `kind` is one of `config.kinds.KINDS`; `name` the connector's, "" where none is meant; `detail` no secrets.
    """
    return announcements.configuration(db, kind, name, actor, detail)[1]


def set_going(db: Connection, said: Said) -> None:
    """What follows from a change. Automations are read again when another than the site's own reader tells of one:
    a new connector may be the one that a refused automation was waiting for.
    """
    name = said.resource_id
    if said.app_id != SITE and said.kind in ("automations.changed", "connector.created", "connector.removed"):
        definitions.set_fact(db, "site_asked", str(int(definitions.fact(db, "site_asked")) + 1))
    if said.kind == "projects.changed":
        for one in [name] if name else [row.name for row in connectors.every(db)]:
            _soon(db, one, "hooks")
    elif said.kind in ("connector.created", "connector.updated", "connector.resumed"):
        _soon(db, name, "validate")
        _soon(db, name, "hooks")


def _soon(db: Connection, name: str, kind: str) -> None:
    """Bring a timer forward. The first hooks of a connector are a person's to apply, so only kept ones are compared."""
    row = connectors.get(db, name)
    if row is None or row.state == "removed":
        return
    if kind == "hooks" and not any(hook.status == "active" for hook in hooks.of_connector(db, name)):
        return
    timers.sooner(db, kind, name, in_s=SOON_S)
