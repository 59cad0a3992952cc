"""What happened, in one form, whatever payload version or source said it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from automations.fields import ID, TEXT, TIME, Field, a_map


@dataclass(frozen=True)
class Event:
    """An event. Every id is text; what is absent is "" (`project_id` of a company's resource, `app_id` in v4).

    `key` is unique within the connector; `action` is create, update or delete, in lower case;
    `resource_name` is spelt as Procore sends it and compared without case; `timestamp` is ISO 8601 UTC;
    `source` is webhook, sweep or manual; `id` is our own number for it, None before it is stored.
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
    id: int | None = None

    def values(self) -> dict[str, Any]:
        """As expressions see it."""
        seen = asdict(self)
        seen["id"] = "" if self.id is None else str(self.id)
        seen["parent"] = {"id": "", "name": "", **self.parent}
        return seen


FIELD: Field = a_map(
    "event",
    connector=TEXT, key=TEXT, id=ID, source=TEXT, action=TEXT, resource_name=TEXT, resource_id=ID, company_id=ID, project_id=ID,
    user_id=ID, timestamp=TIME, app_id=TEXT, payload_version=TEXT, parent=a_map(None, id=ID, name=TEXT),
)  # fmt: skip
