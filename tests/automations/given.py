"""Values that the tests of automations begin with."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, BinaryIO

from automations.chores import Imported, Missed, Planned, Verdict, Wish
from automations.definition import load
from automations.event import Event
from automations.known import Known
from automations.parts import Automation
from automations.scope import Scope
from automations.tools import NoTools, Reply
from config.errors import Permanent
from connectors.destinations.ics import Definition as Calendar
from connectors.messages import Attachment, Message, Receipt
from connectors.rooted import Rooted

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
KNOWN = Known(
    connectors={"acme-prod", "acme-too", "other-co"},
    destinations={
        "http:erp", "http:erp-events", "slack:site-ops", "teams:pm-office", "email:office", "slack:nowhere", "sql:dw",
        "files:exports", "ics:pm",
    },
)  # fmt: skip

TABLES: dict[str, list[dict[str, Any]]] = {
    "rfis": [
        {"id": "22564874", "number": "12", "status": "open", "due": date(2026, 3, 13), "title": "Beam pocket depth at grid C4"},
        {"id": "22564875", "number": "13", "status": "closed", "due": date(2026, 3, 14), "title": "Door 12"},
        {"id": "22564876", "number": "14", "status": "open", "due": date(2026, 4, 1), "title": "=HYPERLINK(1)"},
    ]
}


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


@dataclass(frozen=True)
class Sheet:
    records: list[dict[str, Any]]


@dataclass(frozen=True)
class Refused:
    index: int | None
    origin_id: str
    said: str


@dataclass(frozen=True)
class Bulk:
    records: list[dict[str, Any]]
    refused: list[Refused]


@dataclass
class Chores:
    """Imports, repairs, hooks and checks that are done as soon as they are asked for; `asked` notes with what."""

    asked: list[Any] = field(default_factory=list)
    import_id: int | None = 5
    states: list[Imported] = field(default_factory=list)
    missed: Missed = field(default_factory=lambda: Missed(0, 0, 0))
    plans: dict[str, Planned] = field(default_factory=dict)
    verdict: Verdict = field(default_factory=lambda: Verdict(0, 0))

    def start(self, wish: Wish, step: str) -> int | None:
        self.asked.append((wish, step))
        return self.import_id

    def look(self, *given: Any) -> Any:
        if len(given) == 1:
            return self.states.pop(0) if self.states else Imported("ok", {"new": 2, "calls": 1})
        self.asked.append(given)
        return self.missed

    def plan(self, connectors: Sequence[str] | None, step: str) -> Planned:
        self.asked.append(connectors)
        return self.planned("1")

    def planned(self, id: str) -> Planned:
        return self.plans.get(id, Planned(id, 0, 0, 0, ()))

    def apply(self, id: str) -> list[str]:
        self.asked.append(("apply", id))
        return list(self.planned(id).lines)

    def check(self, names: Sequence[str], backtest_s: float | None = None) -> Verdict:
        self.asked.append(list(names))
        return self.verdict


@dataclass
class Far(NoTools):
    """The far end of `http:erp` and of the connectors `acme-prod` and `other-co`: answers from a list, notes what it was asked.

    `pages` are what a list shows; a write answers with what it was given, and an id, unless `answers` says otherwise.
    """

    answers: list[Any] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    records: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    before: Callable[[], None] = lambda: None
    pages: list[list[dict[str, Any]]] = field(default_factory=list)
    noted: list[tuple[str, Any]] = field(default_factory=list)
    room: int = 1_000_000
    chores: Chores = field(default_factory=lambda: Chores())
    told: list[tuple[str, Message]] = field(default_factory=list)
    receipts: dict[str, list[Receipt | Exception]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    root: Path | None = None

    def procore(self, connector: str) -> Far:
        self.company_of(connector)
        return self

    def company_of(self, connector: str) -> str:
        companies = {"acme-prod": "598134000001001", "acme-too": "598134000001001", "other-co": "598134000009009"}
        if connector not in companies:
            raise Permanent(f'there is no connector "{connector}"', kind="no_connector")
        return companies[connector]

    def imports(self) -> Chores:
        return self.chores

    def repairs(self) -> Chores:
        return self.chores

    def subscriptions(self) -> Chores:
        return self.chores

    def rules(self) -> Chores:
        return self.chores

    def own_writes(self) -> Far:
        return self

    def begin(self, effect: str, connector: str, resource: str, record_id: str, project_id: str, parent: str) -> None:
        self.noted.append(("begin", (connector, resource, record_id)))

    def answered(self, effect: str, records: Sequence[Mapping[str, Any]]) -> None:
        self.noted.append(("answered", [dict(one) for one in records]))

    def caps(self) -> Far:
        return self

    def take(self, kind: str, wanted: int, effect: str, what: str, *, at_procore: bool) -> int:
        granted = min(wanted, self.room)
        self.room -= granted
        return granted

    def refusal(self, kind: str, left: int) -> str:
        return f"{left} more {kind} are held back"

    def paged(
        self,
        resource: str,
        project_id: str | None = None,
        *,
        parent: str | None = None,
        filters: Mapping[str, Any] | None = None,
        asking: Callable[[], None] | None = None,
    ) -> Iterator[Sheet]:
        for page in self.pages:
            if asking is not None:
                asking()
            self.asked.append({"list": resource, "project_id": project_id, "parent": parent, "filters": dict(filters or {})})
            yield Sheet(page)

    def create(
        self, resource: str, fields: Mapping[str, Any], project_id: str | None = None, parent: str | None = None
    ) -> dict[str, Any]:
        self.asked.append({"create": resource, "fields": dict(fields), "project_id": project_id, "parent": parent})
        return self._answer({"id": 91, **fields})

    def update(
        self, resource: str, id: str, fields: Mapping[str, Any], project_id: str | None = None, parent: str | None = None
    ) -> dict[str, Any]:
        self.asked.append({"update": resource, "id": id, "fields": dict(fields), "project_id": project_id, "parent": parent})
        return self._answer({"id": int(id), **fields})

    def sync(
        self, resource: str, rows: Sequence[Mapping[str, Any]], project_id: str | None = None, parent: str | None = None
    ) -> Bulk:
        self.asked.append({"sync": resource, "rows": [dict(row) for row in rows], "project_id": project_id})
        known: Bulk = self._answer(Bulk([{"id": n, **row} for n, row in enumerate(rows, 500)], []))
        return known

    def _answer(self, usual: Any) -> Any:
        self.before()
        answer = self.answers.pop(0) if self.answers else usual
        if isinstance(answer, Exception):
            raise answer
        return answer

    def upload(self, name: str, content_type: str, content: BinaryIO, project_id: str | None = None) -> str:
        self.asked.append({"upload": name, "type": content_type, "bytes": len(content.read()), "project_id": project_id})
        return str(self._answer("upload-1"))

    def download(self, url: str, into: BinaryIO, max_bytes: int) -> None:
        self.asked.append({"download": url, "max_bytes": max_bytes})
        into.write(self._answer(b"%PDF-1.4"))

    def http(self, destination: str) -> Far:
        return self

    def notify(self, destination: str) -> _Mouth:
        if destination == "slack:nowhere":
            raise Permanent(f'there is no destination "{destination}"', kind="no_destination")
        return _Mouth(self, destination)

    def folder(self, destination: str = "") -> Rooted:
        """Below `root`, or a folder that is gone with this value."""
        if self.root is None:
            self.root = Path(tempfile.mkdtemp())
            weakref.finalize(self, shutil.rmtree, self.root)
        return Rooted(self.root, destination.partition(":")[2])

    def calendar(self, destination: str) -> Calendar:
        return Calendar("pm", "calendars/pm.ics", False, "Due dates", "America/Chicago")

    def attachment(self, path: str, *, read: bool) -> Attachment:
        if read and path not in self.files:
            raise Permanent(f'there is no file "{path}"', kind="absent")
        return Attachment(path.rpartition("/")[2], self.files[path] if read else b"")

    def get(self, resource: str, id: str, project_id: str | None = None, parent: str | None = None) -> dict[str, Any]:
        self.asked.append({"resource": resource, "id": id, "project_id": project_id, "parent": parent})
        return self.records[resource, id]

    def send(self, method: str, path: str, **given: Any) -> Reply:
        self.before()
        self.asked.append({"method": method, "path": path, **given})
        answer = self.answers.pop(0) if self.answers else Reply(200, json={"id": 91})
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]


@dataclass
class _Mouth:
    """One destination of messages; answers from `receipts`, which are by its name."""

    far: Far
    name: str

    def notify(self, message: Message) -> Receipt:
        self.far.before()
        self.far.told.append((self.name, message))
        answers = self.far.receipts.get(self.name)
        answer = answers.pop(0) if answers else Receipt("200 ok")
        if isinstance(answer, Exception):
            raise answer
        return answer
