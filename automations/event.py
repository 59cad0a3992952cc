"""What happened, in one form, whatever payload version or source said it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from automations.fields import ANY, ID, TEXT, TIME, Field, a_map, one_of


@dataclass(frozen=True)
class Event:
    """An event. Every id is text; what is absent is "" (`project_id` of a company's resource, `app_id` in v4).

    `key` is unique within the connector; `action` is create, update or delete, in lower case;
    `resource_name` is spelt as Procore sends it and compared without case; `timestamp` is ISO 8601 UTC;
    `source` is webhook, sweep, hold, schedule, manual, config, inbound or run; `id` is our own number for it, None before
    it is stored. `kind` and `name` are those of a configuration event (`connector.updated`, the connector's name); an
    inbound event has its source in `name` and what was posted in `body`; that of a finished run has the automation in
    `name`, its `status` and `run_id`; one by hand has what it was started with in `body`. That of a replay is the event it
    replays; `repeat` is not empty when a person wants its effects made again. `edits` are parameters of steps that a person
    gave instead of what the rule says: by step's path, those that are `set` and the names that are left out, `without`; with
    `whole` there are no others.
    """

    connector: str
    key: str
    action: str
    resource_name: str
    resource_id: str
    company_id: str
    timestamp: str
    source: str = "webhook"
    project_id: str = ""
    user_id: str = ""
    app_id: str = ""
    payload_version: str = ""
    parent: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""
    name: str = ""
    body: Any = None
    status: str = ""
    run_id: str = ""
    id: int | None = None
    repeat: str = ""
    edits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        """As expressions see it."""
        seen = dict(vars(self))
        del seen["repeat"], seen["edits"]
        seen["id"] = "" if self.id is None else str(self.id)
        seen["parent"] = {"id": "", "name": "", **self.parent}
        return seen


_COMMON: dict[str, Field] = {
    **dict.fromkeys(("connector", "key", "source", "action", "resource_name", "app_id", "payload_version"), TEXT),
    **dict.fromkeys(("id", "resource_id", "company_id", "project_id", "user_id"), ID),
    "timestamp": TIME,
    "action": one_of("create", "update", "delete", ""),
    "parent": a_map(None, id=ID, name=TEXT),
}


_MORE: dict[str, dict[str, Field]] = {
    "config": {"name": TEXT, "kind": TEXT},
    "inbound": {"name": TEXT, "body": ANY},
    "run": {"name": TEXT, "status": TEXT, "run_id": ID},
    "manual": {"body": ANY},
}


def field_of(kinds: Collection[str], *, every: bool = False) -> Field:
    """The names below `event`, for triggers of these kinds: those that all of them have, or with `every` any of them."""
    each = [_MORE.get(kind, {}) for kind in kinds]
    names = {name for more in each for name in more if every or all(name in other for other in each)}
    return a_map("event", **_COMMON, **{name: next(more[name] for more in each if name in more) for name in sorted(names)})
