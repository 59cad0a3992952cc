"""Looking for what webhooks missed: changes by `updated_at`, and whole lists against our copies.

A record of a list that says something which our newest copy does not have becomes an event (`event.source: sweep`)
on the path of any other: it is fetched, and an automation that has seen this content already does nothing. A cursor
moves only when the whole window was read. A change that a webhook may still bring is left to it for two minutes.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from config.errors import Permanent
from connectors import catalogue, parents, windows
from connectors import repair as compared
from connectors.catalogue import Resource
from connectors.kinds.procore_dmsa import Procore
from store import connectors, cursors, definitions, hooks, landing, repairs, timers
from store.session import reading, retrying, writing
from workers import looking
from workers.desk import Desk
from workers.dispatch import Origin, enter, ring
from workers.events import Said
from workers.hooks import listeners
from workers.repair import Report, reporting

KIND = "sweep"
IN_FLIGHT = dt.timedelta(minutes=2)
REFUSED_FOR = dt.timedelta(hours=1)
PAGE = 500
_WHOLE = ("unauthorized", "disconnected")
_STARTED = time.monotonic()


@dataclass(frozen=True)
class List:
    """One list to look at. `since` is from when on we ought to have heard of its changes; `until` how far it was read."""

    row: Resource
    project_id: str
    since: dt.datetime
    until: dt.datetime | None

    @property
    def called(self) -> str:
        """For sentences: `RFIs in project 12`."""
        return self.row.name + (f" in project {self.project_id}" if self.project_id else "")


@dataclass(frozen=True)
class Look:
    """What a look works with. `settled`: what changed after it may still be on its way as a webhook."""

    desk: Desk
    procore: Procore
    report: Report
    began: dt.datetime
    settled: dt.datetime

    @property
    def connector(self) -> str:
        return self.procore.connector.name


def sweep(
    desk: Desk,
    name: str,
    *,
    since: dt.datetime | None = None,
    most: int | None = None,
    lane: str = "manual",
    in_flight: dt.timedelta = dt.timedelta(0),
) -> Report:
    """Read what changed in each list that automations listen to, since it was last read or since `since`.

    `most` lists are read, those first that were not for longest; changes of the last `in_flight` are left out.
    Raises: as the connector does, for what concerns all lists; trouble with one is in the report.
    """
    procore = desk.loaded.procore(name, lane)
    with reporting(desk, name, KIND) as report:
        look = begun(desk, procore, report, in_flight)
        for one in lists(look, KIND, compared.why_not_swept, most):
            each(look, one, lambda one=one: _window(look, one, since))
    return report


def begun(desk: Desk, procore: Procore, report: Report, in_flight: dt.timedelta) -> Look:
    """A look that begins now, by the database's clock."""
    with reading(desk.engine) as db:
        began = timers.clock(db)
    return Look(desk, procore, report, began, began - in_flight)


def _window(look: Look, one: List, since: dt.datetime | None) -> None:
    window = windows.changes(since or one.until or one.since)[0]
    filters = {"updated_at": windows.filter_of(window)}
    for page in look.procore.paged(one.row, one.project_id or None, filters=filters, per_page=PAGE):
        bring_in(look, one, page.records)
    if since is None or since <= (one.until or one.since):
        with writing(look.desk.engine) as db:
            cursors.move(db, KIND, look.connector, one.row.name, one.project_id, look.settled)


def lists(look: Look, kind: str, refusal: Any, most: int | None, rested: dt.timedelta = dt.timedelta(0)) -> Iterable[List]:
    """The lists of what automations listen to, the one that was not looked at for longest first; not those of the last `rested`.

    `refusal` says why a resource has none that could be looked at; those are named in the report.
    """
    listening = listeners(look.desk.loaded.automations, look.connector, as_written=True)
    rows: dict[str, Resource] = {}
    for name in sorted({name for name, _ in listening}):
        row = catalogue.resource(name)
        why = f"{name} cannot be read: the catalogue has no list of it." if row is None else refusal(row)
        if why:
            look.report.left(name, why, found=False)
        elif row is not None:
            rows[row.name] = row
    projects = _projects(look, rows.values())
    with reading(look.desk.engine) as db:
        since = _Since(db, look)
        found = [_list(db, look, kind, row, project, since) for row in rows.values() for project in _of(row, projects)]
    due = [one for one in found if one is not None and (not rested or one.until is None or one.until <= look.began - rested)]
    due.sort(key=lambda one: one.until or dt.datetime.min.replace(tzinfo=dt.UTC))
    return due[:most]


def _projects(look: Look, rows: Iterable[Resource]) -> list[str]:
    needed = any(parents.needs_project(row) for row in rows)
    return [str(one["id"]) for one in look.procore.wanted_projects()] if needed else []


def _of(row: Resource, projects: Sequence[str]) -> Sequence[str]:
    return projects if parents.needs_project(row) else [""]


def _list(db: Connection, look: Look, kind: str, row: Resource, project_id: str, since: _Since) -> List | None:
    """None while Procore's refusal of this list is not an hour old."""
    refused = cursors.get(db, f"{kind} refused", look.connector, row.name, project_id)
    if refused is not None and refused > look.began:
        return None
    until = cursors.get(db, kind, look.connector, row.name, project_id)
    return List(row, project_id, since.of(row, project_id), until)


class _Since:
    """From when on we ought to have heard of changes: the connector, the hook and an automation that listens were there."""

    def __init__(self, db: Connection, look: Look):
        row = connectors.get(db, look.connector)
        self._connector = look.began if row is None else row.created_at
        self._hooks = {hook.project_id: hook.created_at for hook in hooks.of_connector(db, look.connector)}
        self._listeners = listeners(look.desk.loaded.automations, look.connector)
        named = {name for names in self._listeners.values() for name in names}
        versions = {one.name: one.version_id for one in definitions.active(db) if one.name in named}
        self._rules = {name: definitions.version(db, id).created_at for name, id in versions.items()}

    def of(self, row: Resource, project_id: str) -> dt.datetime:
        called = {name.lower() for name in (row.name, *row.also_called)}
        names = {rule for (name, _), rules in self._listeners.items() if name in called for rule in rules}
        rules = [self._rules[name] for name in names if name in self._rules]
        moments = [self._connector, self._hooks.get(project_id, self._connector), min(rules, default=self._connector)]
        first: dt.datetime = max(moments)
        return first.replace(microsecond=0)  # Procore counts in whole seconds


def each(look: Look, one: List, job: Any) -> None:
    """One list; what is wrong with it alone is named, and it is let alone for an hour."""
    try:
        job()
    except Permanent as error:
        if error.kind in _WHOLE:
            raise
        look.report.left(one.called, str(error), found=False)
        with writing(look.desk.engine) as db:
            kind = f"{look.report.kind} refused"
            cursors.move(db, kind, look.connector, one.row.name, one.project_id, look.began + REFUSED_FOR)


@retrying
def bring_in(look: Look, one: List, records: Sequence[dict[str, Any]]) -> set[str]:
    """Make events of what is news in a page of a list, in one transaction. Returns the ids of the page."""
    named = {id: record for record in records if (id := landing.id_of(record)) is not None}
    told: list[Said] = []
    rings: list[Any] = []
    with writing(look.desk.engine) as db:
        look.desk.loaded.fresh(db)
        copies = repairs.newest(db, look.connector, one.row.name, named)
        for id, record in named.items():
            said = _said(look, one, id, record, copies.get(id))
            entered = None if said is None else enter(look.desk, db, said, origin(look, one))
            if said is not None and entered is not None and entered.event_id is not None:
                told.append(said)
                rings += [asked for asked in entered.rings if asked not in rings]
    ring(look.desk, rings)
    for said in told:
        look.report.mended(f"{said.resource_name} {said.resource_id} {said.action}", key=said.key, at=said.timestamp.isoformat())
    return set(named)


def origin(look: Look, one: List) -> Origin:
    return Origin(look.connector, KIND, look.procore.connector.company_id, one.project_id, lane="schedule")


def _said(look: Look, one: List, id: str, record: dict[str, Any], copy: Any) -> Said | None:
    """The event of a record that is news; None for the others."""
    changed = moment(record.get("updated_at"))
    if changed is not None and changed > look.settled:
        return None
    digest = catalogue.record_hash(one.row, record)
    if copy is None:
        made = moment(record.get("created_at"))
        if (made or changed or look.began) < one.since and (changed or look.began) < one.since:
            return None
        action = "create" if made is None or made >= one.since else "update"
    elif copy.deleted_at is not None:
        if changed is None or changed <= copy.deleted_at:
            return None
        action = "update"
    elif compared.says_nothing_new(one.row, record, digest, copy):
        return None
    else:
        action = "update"
    return said(look, one, id, action, f"{digest[:32]}:{copy.id if copy else 0}", changed or look.began)


def said(look: Look, one: List, id: str, action: str, state: str, at: dt.datetime) -> Said:
    """`state` tells what of the record is news, so that the same news is one event however often it is found."""
    return Said(
        key=f"sweep:{one.row.name}:{id}:{state}",
        action=action,
        resource_name=one.row.name,
        resource_id=id,
        company_id=look.procore.connector.company_id,
        project_id=one.project_id,
        user_id="",
        app_id="",
        timestamp=at,
        payload_version="",
        parent=None,
    )


def moment(text: Any) -> dt.datetime | None:
    try:
        found = dt.datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo else found.replace(tzinfo=dt.UTC)


def by_itself(desk: Desk, name: str) -> None:
    """The timer's work. One that became due while nothing ran waits for an interval: at start there is enough to do."""
    if name not in desk.loaded.connectors() or desk.loaded.paused(name) or _put_off(desk, name):
        return
    most = looking.most(desk.loaded.quota, name)
    sweep(desk, name, most=most, lane="schedule", in_flight=IN_FLIGHT)


def _put_off(desk: Desk, name: str) -> bool:
    age_s = time.monotonic() - _STARTED
    with writing(desk.engine) as db:
        if age_s >= looking.EVERY_S or timers.late_s(db, KIND, name) < age_s:
            return False
        timers.arm(db, KIND, name, in_s=looking.EVERY_S - age_s, every_s=looking.EVERY_S)
    return True
