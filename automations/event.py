"""What happened, in one form, whatever payload version or source said it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from automations.fields import ANY, ID, TEXT, TIME, Field, a_map, one_of


@dataclass(frozen=True)
class Event:
    """An event. Every id is text; what is absent is "" (`project_id` of a company's resource, `app_id` in v4).

    `key` is unique within the connector; `action` is create, update or delete, in lower case;
    `resource_name` is spelt as Procore sends it and compared without case; `timestamp` is ISO 8601 UTC;
    `source` is webhook, sweep, manual, config or inbound; `id` is our own number for it, None before it is stored.
    `kind` and `name` are those of a configuration event (`connector.updated`, the connector's name); an inbound event
    has its source in `name` and what was posted in `body`.
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
    id: int | None = None

    def values(self) -> dict[str, Any]:
        """As expressions see it."""
        seen = asdict(self)
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


def field_of(kinds: Collection[str]) -> Field:
    """The names below `event`, for a rule whose triggers are of these kinds: what one of them lacks is not there."""
    more: dict[str, Field] = {}
    if kinds and all(kind in ("config", "inbound") for kind in kinds):
        more["name"] = TEXT
    if set(kinds) == {"config"}:
        more["kind"] = TEXT
    if set(kinds) == {"inbound"}:
        more["body"] = ANY
    return a_map("event", **_COMMON, **more)
