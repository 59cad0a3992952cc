"""`sweep:` triggers: look through our own copies for records that meet a condition, and tell of each once it has lasted.

Nothing is asked of Procore. A record is told of when it comes to meet the condition, and again after `repeat:`; one that
no longer meets it begins anew the next time.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection

from automations import lasting
from automations.parts import Automation, Trigger
from store import records, watches
from store.session import writing
from workers.beginning import Rings
from workers.desk import Desk
from workers.dispatch import ring
from workers.watching import fire, scope_of
from workers.zones import today

PAGE = 500
MOST_FAULTY = 20


def look(desk: Desk, rule: Automation, version_id: int, trigger: Trigger, moment: dt.datetime, projects: list[str] | None) -> str:
    """Look at every copy, of these projects or of all. A sentence for the schedule's row."""
    looking = _Looking(desk, rule, version_id, trigger, moment)
    after = ""
    while True:
        with writing(desk.engine) as db:
            page = watches.newest_copies(db, trigger.connector, trigger.resource, after=after, projects=projects, limit=PAGE)
            looking.page(db, page)
        ring(desk, looking.take_rings())
        if len(page) < PAGE:
            break
        after = page[-1].record_id
    with writing(desk.engine) as db:
        looking.forget_vanished(db, projects)
    return looking.told()


class _Looking:
    def __init__(self, desk: Desk, rule: Automation, version_id: int, trigger: Trigger, moment: dt.datetime):
        self._rule, self._version_id, self._trigger, self._moment = rule, version_id, trigger, moment
        self._tables = desk.loaded.site.tables
        self._seen: set[str] = set()
        self._days: dict[str, dt.datetime] = {}
        self._rings: Rings = []
        self._met, self._fired, self._faulty = 0, 0, 0

    def page(self, db: Connection, copies: list[Any]) -> None:
        watched = watches.of_trigger(db, self._rule.id, self._trigger.id)
        ended = []
        for copy in copies:
            self._seen.add(copy.record_id)
            watch = watched.get(copy.record_id)
            if self._meets(db, copy):
                self._met += 1
                self._watch(db, copy, watch)
            elif watch is not None:
                ended.append(watch.id)
        watches.forget(db, ended)

    def _meets(self, db: Connection, copy: Any) -> bool:
        """One that cannot be judged is told of, so that its run says why; but not thousands of them."""
        before_id = records.before(db, copy) if self._trigger.transition or self._names_previous() else None
        before = records.get(db, before_id) if before_id else None
        scope = scope_of(self._trigger, copy, before, self._moment, self._today(db, copy), self._tables)
        met = lasting.found(self._rule, self._trigger, scope)
        self._faulty += met.faulty
        return met.so and not (met.faulty and self._faulty > MOST_FAULTY)

    def _today(self, db: Connection, copy: Any) -> dt.datetime:
        """Asked once for each project: there may be a hundred thousand copies."""
        if copy.project_id not in self._days:
            self._days[copy.project_id] = today(db, copy.connector, copy.project_id, self._moment)
        return self._days[copy.project_id]

    def _names_previous(self) -> bool:
        return any(line.roots() & {"previous", "changed"} for line in self._trigger.where)

    def _watch(self, db: Connection, copy: Any, watch: Any) -> None:
        fresh = watch is None
        if fresh:
            of = {
                "automation": self._rule.id, "trigger": self._trigger.id, "connector": copy.connector,
                "resource": copy.resource, "record_id": copy.record_id,
            }  # fmt: skip
            watch = watches.begin(db, of, self._trigger.hold_s or 0.0)
        at_once = fresh and not self._trigger.hold_s
        early = dt.timedelta(seconds=lasting.early_s(self._trigger))
        if not at_once and (watch.due_at is None or watch.due_at > self._moment + early):
            return
        self._fired += 1
        watches.fired(db, watch.id, self._trigger.repeat_s)
        self._rings += fire(db, self._rule, self._version_id, self._trigger, watch, copy, "sweep", self._moment)

    def take_rings(self) -> Rings:
        taken, self._rings = self._rings, []
        return taken

    def forget_vanished(self, db: Connection, projects: list[str] | None) -> None:
        """Deleted meanwhile; with projects of one zone only, those of the others are not looked at."""
        if projects is None:
            rows = watches.of_trigger(db, self._rule.id, self._trigger.id)
            watches.forget(db, [row.id for id, row in rows.items() if id not in self._seen])

    def told(self) -> str:
        faulty = f", {self._faulty} could not be judged" if self._faulty else ""
        return f"{len(self._seen)} records, {self._met} meet the condition, told of {self._fired}{faulty}"
