"""Values that the tests of automations begin with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from automations.definition import load
from automations.event import Event
from automations.known import Known
from automations.parts import Automation
from automations.scope import Scope
from automations.tools import Reply
from config.errors import Permanent

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
KNOWN = Known(connectors={"acme-prod"}, destinations={"http:erp"})


def rfi(**changes: Any) -> dict[str, Any]:
    record: dict[str, Any] = {
        "id": 22564874, "number": "12", "revision": "0", "title": "Beam pocket depth at grid C4", "status": "open",
        "private": False, "created_at": "2026-03-06T18:25:41Z", "updated_at": "2026-03-06T18:25:41Z", "due_date": "2026-03-13",
        "time_resolved": None,
        "assignee": {"id": 7002, "name": "Ana Ruiz", "locale": "en", "login": "ana@arch.example"},
        "assignees": [{"id": 7002, "name": "Ana Ruiz", "locale": "en", "login": "ana@arch.example", "response_required": True}],
        "location": None, "custom_fields": {"custom_field_253711": {"data_type": "boolean", "value": False}},
        "questions": [{"id": 3301, "question_date": "2026-03-06T18:25:41Z", "plain_text_body": "How deep?", "answers": []}],
        "cost_impact": {"status": "yes_unknown", "value": None},
    }  # fmt: skip
    return record | changes


def event(**changes: Any) -> Event:
    values: dict[str, Any] = {
        "connector": "acme-prod", "key": "01JMYXMZRBVKK0PC6XS8SA4QRE", "action": "update", "resource_name": "RFIs",
        "resource_id": "22564874", "company_id": "598134000001001", "project_id": "598134000002001",
        "timestamp": "2026-03-20T11:59:58Z", "user_id": "7001", "id": 5,
    }  # fmt: skip
    return Event(**(values | changes))


def scope(**changes: Any) -> Scope:
    values: dict[str, Any] = {"event": event(), "run_id": "812", "now": NOW, "record": rfi(), "previous": rfi(status="draft")}
    return Scope(**(values | changes))


def automation(body: str, *, when: str | None = None, head: str = "") -> Automation:
    """A rule on RFIs with this `if:`/`do:` text."""
    trigger = when or "webhook: {connector: acme-prod, resource: RFIs, actions: [create, update]}"
    return load(f"format: 1\nid: rule\nstage: live\n{head}when:\n  - {trigger}\n{body}", "rule.yaml", KNOWN)


@dataclass
class Far:
    """The far end of `http:erp` and of the connector `acme-prod`: answers from a list, notes what it was asked."""

    answers: list[Reply | Exception] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    records: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    before: Callable[[], None] = lambda: None

    def procore(self, connector: str) -> Far:
        if connector != "acme-prod":
            raise Permanent(f'there is no connector "{connector}"', kind="no_connector")
        return self

    def http(self, destination: str) -> Far:
        return self

    def get(self, resource: str, id: str, project_id: str | None = None, parent: str | None = None) -> dict[str, Any]:
        self.asked.append({"resource": resource, "id": id, "project_id": project_id, "parent": parent})
        return self.records[resource, id]

    def send(self, method: str, path: str, **given: Any) -> Reply:
        self.before()
        self.asked.append({"method": method, "path": path, **given})
        answer = self.answers.pop(0) if self.answers else Reply(200, json={"id": 91})
        if isinstance(answer, Exception):
            raise answer
        return answer
