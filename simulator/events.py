"""What happened to a record, and how each payload version says it."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.records import Json
from simulator.stamps import iso_micro

TELLS_ITS_PARENT = (
    "Purchase Order Contract Line Items",
    "Work Order Contract Line Items",
    "Prime Contract Line Items",
    "Direct Cost Line Items",
    "Potential Change Order Line Items",
)
"""The only resources whose v3.0 events name the record that they belong to."""


@dataclass(frozen=True)
class Event:
    """One change of one record; the same event keeps its ids on every delivery."""

    id: int
    ulid: str
    at: float
    verb: str
    resource: str
    resource_id: int
    company_id: int
    project_id: int | None
    user_id: int
    application_id: str | None = None
    operation_id: str | None = None
    parent: tuple[int, str] | None = None

    def payload(self, version: str) -> Json:
        """The body of a delivery. Source: Procore documentation, webhooks, payload formats."""
        return self._v4() if version == "v4.0" else self._classic(version)

    def _classic(self, version: str) -> Json:
        body: Json = {
            "id": self.id,
            "ulid": self.ulid,
            "timestamp": iso_micro(self.at),
            "metadata": {
                "source_user_id": self.user_id,
                "source_project_id": self.project_id,
                "source_operation_id": self.operation_id,
                "source_company_id": self.company_id,
                "source_application_id": self.application_id,
            },
            "user_id": self.user_id,
            "company_id": self.company_id,
            "project_id": self.project_id,
            "api_version": version,
            "event_type": self.verb,
            "resource_name": self.resource,
            "resource_id": self.resource_id,
        }
        if version == "v3.0":
            told = [self.parent] if self.parent and self.resource in TELLS_ITS_PARENT else []
            body["related_resources"] = [{"id": number, "name": name} for number, name in told]
        return body

    def _v4(self) -> Json:
        # A recorded Projects create had an empty project_id, the update that followed had it filled.
        project = self.project_id
        if self.resource == "Projects" and self.verb == "update":
            project = self.resource_id
        return {
            "id": self.ulid,
            "timestamp": iso_micro(self.at),
            "reason": self.verb,
            "company_id": str(self.company_id),
            "project_id": "" if project is None else str(project),
            "user_id": str(self.user_id),
            "resource_type": self.resource,
            "resource_id": str(self.resource_id),
            "payload_version": "v4.0",
        }
