"""Sorting: from a kept delivery to events, and from each event to runs, or to the reason for none.

One delivery is one transaction: it is sorted whole or not at all, and doing it again changes nothing.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from sqlalchemy import Connection

from automations.event import Event
from config import failpoints
from config.logs import about
from connectors import catalogue
from store import deliveries, events, hooks, records
from store.session import reading, retrying, writing
from workers.desk import Desk
from workers.events import Said, UnreadableError, read

log = logging.getLogger("tieback.sort")

Rings = list[tuple[str, int, str]]


def sort(desk: Desk, delivery_id: int) -> None:
    """Sort one delivery and ring for what it made due. Nothing happens when it is sorted already."""
    if _may_try(desk, delivery_id):  # outside of the retries: a deadlock is no try that ended its worker
        _sort(desk, delivery_id)


@retrying
def _sort(desk: Desk, delivery_id: int) -> None:
    with writing(desk.engine) as db:
        row = deliveries.take(db, delivery_id)
        if row is None:
            return
        desk.loaded.fresh(db)
        rings = _Sorting(desk, db, row).whole()
        failpoints.hit("sort.before_commit")
    failpoints.hit("sort.after_commit")
    for actor, id, lane in rings:
        desk.doorbell.ring(actor, [id], lane)


def _may_try(desk: Desk, delivery_id: int) -> bool:
    """The first try costs no extra commit; a later one is counted before it is made."""
    with reading(desk.engine) as db:
        if not deliveries.rung_again(db, delivery_id):
            return True
    with writing(desk.engine) as db:
        return deliveries.count_try(db, delivery_id)


class _Sorting:
    def __init__(self, desk: Desk, db: Connection, row: Any):
        self._desk = desk
        self._db = db
        self._row = row
        self._rings: Rings = []

    def whole(self) -> Rings:
        try:
            said, unread = read(self._row.raw, self._row.received_at)
        except UnreadableError as error:
            said, unread = [], [str(error)]
        known = [one.key for one in said if not self._event(one)]
        state, reason = _verdict(len(said), known, unread)
        if self._row.reason and state == "sorted":
            reason = self._row.reason  # what the door noticed, such as a great age
        deliveries.mark(self._db, self._row.id, state, reason)
        return self._rings

    def _event(self, said: Said) -> bool:
        """Keep one event with its runs; False when it is known already."""
        values = {name: getattr(said, name) for name in Said.__dataclass_fields__ if name != "key"}
        values |= {"connector": self._row.connector, "event_key": said.key, "delivery_id": self._row.id, "source": "webhook"}
        event_id = events.add(self._db, {**values, "state": "received"})
        if event_id is None:
            return False
        state, reason, reasons = self._match(event_id, said)
        events.settle(self._db, event_id, state, reason, reasons)
        log.info("event.sorted", extra=about(event=event_id, state=state, reason=reason, resource=said.resource_name))
        return True

    def _match(self, event_id: int, said: Said) -> tuple[str, str | None, dict[str, str] | None]:
        foreign = self._foreign(said)
        if foreign:
            return "quarantined", foreign, None
        if not said.supported:
            return "unsupported", f'the verb "{said.action}" is none that Tieback knows', None
        if catalogue.subscribable(said.resource_name) is None and catalogue.resource(said.resource_name) is None:
            return "unsupported", f'the catalogue has no resource "{said.resource_name}"', None
        if said.action == "delete":
            resource = catalogue.resource(said.resource_name)
            name = resource.name if resource else said.resource_name
            records.mark_deleted(self._db, self._row.connector, name, said.resource_id, said.timestamp)
        event = as_event(said, self._row.connector, event_id)
        found = self._desk.loaded.index.match(event, self._desk.loaded.client_ids())
        for match in found.matches:
            self._run(event_id, said, match)
        return ("matched" if found.matches else "ignored", found.reason or None, found.reasons or None)

    def _foreign(self, said: Said) -> str | None:
        """Why this event cannot be the hook's: nothing in a payload may lead to another company's data.

        The hook's own row says whose it is, so this holds while the connector cannot be used too.
        """
        name, connector = self._row.connector, self._desk.loaded.connectors().get(self._row.connector)
        company, project = hooks.scope_of(self._db, self._row.hook_key)
        company = connector.company_id if connector else company
        if company and said.company_id != company:
            return f"company {said.company_id} is not the company {company} of connector {name}"
        if project and said.project_id and said.project_id != project:
            return f"project {said.project_id} is not the project {project} that this hook belongs to"
        if connector and said.project_id and connector.projects != "all" and said.project_id not in connector.projects:
            return f"project {said.project_id} is not among the projects of connector {name}"
        return None

    def _run(self, event_id: int, said: Said, match: Any) -> None:
        rule = match.automation
        fetch_id = None
        if rule.needs_record and said.action != "delete":
            fetch_id = self._fetch(event_id, said)
        run_id = events.add_run(
            self._db,
            {
                "event_id": event_id,
                "automation": rule.id,
                "version_id": self._desk.loaded.version_id(rule.id),
                "trigger": match.trigger_id or "",
                "stage": rule.stage,
                "connector": self._row.connector,
                "record_key": record_key(self._row.connector, said.resource_name, said.resource_id),
                "fetch_id": fetch_id,
                "before_id": self._last_copy(said) if said.action == "delete" else None,
            },
            due=fetch_id is None,
        )
        if fetch_id is None and run_id is not None:
            self._rings.append(("run", run_id, "webhook"))

    def _last_copy(self, said: Said) -> int | None:
        resource = catalogue.resource(said.resource_name)
        copy = records.newest(self._db, self._row.connector, resource.name if resource else said.resource_name, said.resource_id)
        return None if copy is None else int(copy.id)

    def _fetch(self, event_id: int, said: Said) -> int:
        resource = catalogue.resource(said.resource_name)
        values = {
            "connector": self._row.connector,
            "resource": resource.name if resource else said.resource_name,
            "company_id": said.company_id,
            "project_id": said.project_id or hooks.scope_of(self._db, self._row.hook_key)[1],
            "record_id": said.resource_id,
            "parent": said.parent,
            "event_id": event_id,
        }
        fetch_id = events.want_fetch(self._db, values, said.timestamp)
        if ("fetch", fetch_id, "webhook") not in self._rings:
            self._rings.append(("fetch", fetch_id, "webhook"))
        return fetch_id


def record_key(connector: str, resource: str, record_id: str) -> str:
    return f"{connector}/{resource.lower()}/{record_id}"


def as_event(said: Said, connector: str, event_id: int) -> Event:
    """The event as rules see it."""
    return Event(
        connector=connector,
        key=said.key,
        action=said.action,
        resource_name=said.resource_name,
        resource_id=said.resource_id,
        company_id=said.company_id,
        timestamp=iso(said.timestamp),
        project_id=said.project_id,
        user_id=said.user_id,
        app_id=said.app_id,
        payload_version=said.payload_version,
        parent=said.parent or {},
        id=event_id,
    )


def iso(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def _verdict(count: int, known: list[str], unread: list[str]) -> tuple[str, str | None]:
    """The delivery's own state once its events are kept."""
    if unread and not count:
        return "quarantined", "; ".join(unread)[:500]
    if unread:
        return "sorted", f"{len(unread)} of {count + len(unread)} objects could not be read: {'; '.join(unread)}"[:500]
    if known and len(known) == count:
        return "ignored", f"already known: event {known[0]}"
    return "sorted", None
