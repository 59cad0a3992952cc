"""From an event to runs, or to the reason for none, whatever brought it: a webhook, a sweep, a change of configuration."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection

from automations.event import Event
from automations.match import Match
from config.logs import about
from connectors import catalogue
from store import events, records, repairs
from workers import echoes
from workers.beginning import Rings, begin, record_key
from workers.desk import Desk
from workers.events import Said, event_of

log = logging.getLogger("tieback.sort")

OF_PROCORE = ("webhook", "sweep")


@dataclass(frozen=True)
class Origin:
    """Who says it. `source` is webhook, sweep, config or inbound.

    `company_id` and `project_id` are those of the hook it came through: an event of others is not its to bring.
    """

    connector: str
    source: str = "webhook"
    company_id: str = ""
    project_id: str = ""
    lane: str = "webhook"
    hop: int = 0
    delivery_id: int | None = None


class Entered(NamedTuple):
    """`event_id` is None when the event's key is known already: then nothing was done."""

    event_id: int | None
    rings: Rings


def enter(desk: Desk, db: Connection, said: Said, origin: Origin) -> Entered:
    """Keep one event with its runs, in the caller's transaction. Ring with `ring` once that is committed."""
    of = {"connector": origin.connector, "delivery_id": origin.delivery_id, "source": origin.source}
    values = said.row() | of
    values["hop"] = max(origin.hop, echoes.hop(db, values))
    event_id = events.add(db, {**values, "state": "received"})
    if event_id is None and origin.source in ("config", "inbound"):
        event_id = events.announced(db, origin.connector, said.key)  # kept with its delivery, so that it had an id at once
    if event_id is None:
        return Entered(None, [])
    entering = _Entering(desk, db, said, origin, {**values, "id": event_id})
    state, reason, reasons = entering.match()
    events.settle(db, event_id, state, reason, reasons)
    log.info("event.sorted", extra=about(
        event_id=event_id, connector=origin.connector or None, state=state, reason=reason, resource=said.resource_name,
    ))  # fmt: skip
    return Entered(event_id, entering.rings)


def ring(desk: Desk, rings: Rings) -> None:
    """After the commit; a lost ring costs latency only."""
    for actor, id, lane in rings:
        desk.doorbell.ring(actor, [id], lane)


class _Entering:
    """One event on its way to the automations."""

    def __init__(self, desk: Desk, db: Connection, said: Said, origin: Origin, values: dict[str, Any]):
        self._site = desk.loaded.site  # one and the same, though the process may load anew meanwhile
        self._client_ids = desk.loaded.client_ids()
        self._db = db
        self._said = said
        self._origin = origin
        self._values = values
        self.rings: Rings = []
        self.notes: dict[str, str] = {}

    def match(self) -> tuple[str, str | None, dict[str, str] | None]:
        """State, reason, and a reason for each automation that just missed it."""
        if self._origin.source in OF_PROCORE and (refused := self._refused()):
            return *refused, None
        event = event_of(self._values)
        found = self._site.index.match(event, self._client_ids)
        for match in found.matches:
            self._run(match)
        if self._keeps_copy(event):
            self._fetch()
        reasons = {**found.reasons, **self.notes}
        return ("matched" if found.matches else "ignored", found.reason or None, reasons or None)

    def _keeps_copy(self, event: Event) -> bool:
        """A sweep reads our copies, so they are kept up to date though no run waits for this one."""
        swept = (event.connector, event.resource_name.lower()) in self._site.swept
        return swept and event.source in OF_PROCORE and event.action != "delete"

    def _refused(self) -> tuple[str, str] | None:
        """Why an event of Procore is not for the automations; what a delete says of our copy is noted."""
        said = self._said
        if foreign := self._foreign():
            return "quarantined", foreign
        if not said.supported:
            return "unsupported", f'the verb "{said.action}" is none that Tieback knows'
        if catalogue.subscribable(said.resource_name) is None and catalogue.resource(said.resource_name) is None:
            return "unsupported", f'the catalogue has no resource "{said.resource_name}"'
        if said.action == "delete":
            if earlier := repairs.told_of_deletion(self._db, self._values, self._resource):
                return "ignored", f"the deletion is known already: event {earlier}"
            records.mark_deleted(self._db, self._origin.connector, self._resource, said.resource_id, said.timestamp)
        return None

    def _foreign(self) -> str | None:
        """Why this event cannot be the hook's: nothing in a payload may lead to another company's data."""
        said, name, (company, project) = self._said, self._origin.connector, (self._origin.company_id, self._origin.project_id)
        connector = self._site.connectors.get(name)
        company = connector.company_id if connector else company
        if company and said.company_id != company:
            return f"company {said.company_id} is not the company {company} of connector {name}"
        if project and said.project_id and said.project_id != project:
            return f"project {said.project_id} is not the project {project} that this hook belongs to"
        if connector and said.project_id and connector.projects != "all" and said.project_id not in connector.projects:
            return f"project {said.project_id} is not among the projects of connector {name}"
        return None

    @property
    def _resource(self) -> str:
        """The catalogue's spelling of the resource, under which our copies are kept."""
        resource = catalogue.resource(self._said.resource_name)
        return resource.name if resource else self._said.resource_name

    def _run(self, match: Match) -> None:
        rule, said, connector = match.automation, self._said, self._origin.connector
        # What may be our own echo is told by its content alone.
        needed = rule.needs_record or (self._values["hop"] > 0 and catalogue.resource(said.resource_name) is not None)
        gathers = rule.flow.coalesce is not None
        readable = self._origin.source in OF_PROCORE and said.action != "delete"
        fetch_id = self._fetch() if needed and readable and not gathers else None
        values = {
            "event_id": self._values["id"],
            "trigger": match.trigger_id or "",
            "connector": connector,
            "record_key": record_key(connector, said.resource_name, said.resource_id),
            "fetch_id": fetch_id,
            "before_id": self._last_copy() if said.action == "delete" else None,
            "lane": self._origin.lane,
        }
        run_id, count, rings = begin(self._db, rule, self._site.versions[rule.id], values, self._values)
        if gathers and count > 1:
            self.notes[rule.id] = f"gathered into run {run_id}, which has {count} events now"
        self.rings += rings

    def _last_copy(self) -> int | None:
        copy = records.newest(self._db, self._origin.connector, self._resource, self._said.resource_id)
        return None if copy is None else int(copy.id)

    def _fetch(self) -> int:
        said = self._said
        values = {
            "connector": self._origin.connector,
            "resource": self._resource,
            "company_id": said.company_id,
            "project_id": said.project_id or self._origin.project_id,
            "record_id": said.resource_id,
            "parent": said.parent,
            "event_id": self._values["id"],
            "lane": self._origin.lane,
        }
        fetch_id = events.want_fetch(self._db, values, said.timestamp)
        asked = ("fetch", fetch_id, self._origin.lane)
        if asked not in self.rings:
            self.rings.append(asked)
        return fetch_id
