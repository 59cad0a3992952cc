"""A rule over stored events and copies: what it would have done, beside what was done. No call leaves the machine.

Events go through a trial in the order in which they were kept and at the times at which they came, a page at a time; what
schedules and sweeps would have made is planned anew. Nothing is written.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine

from automations.event import Event
from automations.functions import iso
from automations.parts import Automation, Trigger
from automations.pretending import Pretending
from automations.scope import SiteTables
from automations.timing import following
from automations.trial import Copies, Going, Missed, Trial
from connectors import catalogue
from store import history, projects, timers, tracing
from store.history import Was
from store.session import reading
from store.tracing import Around
from workers.events import event_of

PAGE = 1000
MOST_TIMES = 400
KEPT_OUT = ("our own change", "the deletion is known already")
HELD = ("overtaken", "queue is full", "is under way", "are the most", "unchanged since", "replaced by")


@dataclass(frozen=True)
class Differing:
    """An event with which the rule as it stands now would do otherwise. Each side is `fired` or the reason why not."""

    event_id: int | None
    at: dt.datetime
    record: str
    was: str
    would: str


@dataclass
class Result:
    """`would` and `was` count runs that went on to their steps; `events` those looked at, of which `heard` had a trigger.

    `calls` are by action, `reads` the records that would be read; `errors` and `held` count by sentence.
    """

    automation: str
    since: dt.datetime
    until: dt.datetime
    events: int = 0
    heard: int = 0
    would: int = 0
    was: int = 0
    differ: int = 0
    differing: list[Differing] = field(default_factory=list)
    gathered: int = 0
    waiting: int = 0
    reads: int = 0
    calls: dict[str, int] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def run(
    engine: Engine, rule: Automation, since: dt.datetime, tables: SiteTables, *, shown: int = 50,
    told: Callable[[int], None] = lambda _events: None,
) -> Result:  # fmt: skip
    """`shown` is how many differing events are kept; `told` hears how many events were looked at so far."""
    return _Backtest(engine, rule, since, tables, shown, told).result()


class _Backtest:
    def __init__(
        self, engine: Engine, rule: Automation, since: dt.datetime, tables: SiteTables, shown: int, told: Callable[[int], None]
    ):
        self._engine, self._rule, self._shown, self._told = engine, rule, shown, told
        with reading(engine) as db:
            self._until = timers.clock(db)
            self._after = history.first_since(db, since) - 1
            self._names = set(tracing.names(db))
        self._result = Result(rule.id, since, self._until)
        self._pretending = Pretending(None)
        self._trial = Trial(
            rule, self._pretending, since, tables=tables, dry=True, ended=self._ended, missed=self._missed,
            unknown_tables=True, zone_of=self._zone,
        )  # fmt: skip
        self._was: dict[int, Was] = {}
        self._counted: set[int] = set()
        self._zones: dict[tuple[str, str], str] = {}

    def result(self) -> Result:
        self._plan()
        while True:
            page = self._page()
            if not page:
                break
            self._after = page[-1].id
            self._told(self._result.events)
        self._trial.pass_to(self._until)
        self._trial.finish_gathering()
        for run in list(self._trial.live.values()):
            self._result.waiting += 1
            self._ended(run)
        self._result.calls = dict(sorted((self._pretending.calls + self._pretending.would).items()))
        return self._result

    # Stored events

    def _page(self) -> list[Any]:
        with reading(self._engine) as db:
            page = history.events(db, self._after, PAGE)
            if not page:
                return page
            by_hand = {row.id for row in page if row.source == "manual"}
            known = history.was(db, self._rule.id, page[0].id, page[-1].id)
            self._was = {id: one for id, one in known.items() if id not in by_hand}
            heard = [(row, event) for row in page if (event := self._heard(row)) is not None]
            copies = self._copies(db, heard)
        self._count_was()
        events = {row.id: event for row, event in heard}
        for row in page:
            self._result.events += 1
            if row.id in events:
                self._result.heard += 1
                self._trial.pass_to(row.created_at)
                self._trial.happens(events[row.id], copies.get(row.id, Copies()), (row.id, self._was.get(row.id)))
            elif (was := self._was.get(row.id)) is not None and _fired(was) and not self._made(row):
                self._differs(row.id, row.created_at, _record(row), "fired", "it does not listen to this")
        return page

    def _heard(self, row: Any) -> Event | None:
        if self._made(row) or row.state in ("quarantined", "unsupported", "received") or self._kept_out(row):
            return None
        event = event_of(row._mapping)
        return event if self._trial.index.candidates(event) else None

    def _kept_out(self, row: Any) -> bool:
        """No rule hears of it, however it is written: what we changed ourselves, a deletion that is known."""
        was = self._was.get(row.id)
        said = ((was.reason if was is not None and not _fired(was) else row.reason) or "").startswith(KEPT_OUT)
        return said and (was is not None or row.state == "ignored")

    def _made(self, row: Any) -> bool:
        """It was made for one automation and trigger; what makes such events is planned anew."""
        if row.replays is not None:
            return True
        if row.source != "sweep":
            return row.source in ("hold", "schedule", "manual")
        return row.event_key.split(":")[1] in self._names  # else a sweep of ours found what a webhook had missed

    def _count_was(self) -> None:
        for was in self._was.values():
            if not _fired(was) or was.run_id in self._counted:
                continue
            if was.shared:
                self._counted.add(was.run_id)
            self._result.was += 1

    def _copies(self, db: Any, heard: list[tuple[Any, Event]]) -> dict[int, Copies]:
        if not self._rule.needs_record or not heard:
            return {}
        around = history.pinned(db, heard[0][0].id, heard[-1][0].id)
        missing: dict[tuple[str, str], dict[int, tuple[str, dt.datetime]]] = {}
        for row, _ in heard:
            if row.id not in around and row.resource_id:
                of = missing.setdefault((row.connector, _resource(row.resource_name)), {})
                of[row.id] = (row.resource_id, row.created_at)
        for (connector, resource), moments in missing.items():
            around |= history.around(db, connector, resource, moments)
        wanted = [around[row.id] for row, _ in heard if row.id in around]
        bodies = history.bodies(db, (id for one in wanted for id in (one.before_id, one.after_id) if id is not None))
        self._result.reads += sum(event.action != "delete" for _, event in heard)
        return {row.id: _as_copies(around[row.id], bodies, event) for row, event in heard if row.id in around}

    # What time makes

    def _plan(self) -> None:
        for trigger in self._rule.triggers:
            if trigger.timing is None:
                continue
            for zone in self._zones_of(trigger):
                times = self._times(trigger, zone)
                for moment in times:
                    self._trial.at(moment, lambda at, trigger=trigger, zone=zone: self._due(trigger, zone, at))  # type: ignore[misc]

    def _times(self, trigger: Trigger, zone: str) -> list[dt.datetime]:
        assert trigger.timing is not None
        times, at = [], self._result.since
        while (at := following(trigger.timing, at, zone)) <= self._until:
            times.append(at)
        if len(times) <= MOST_TIMES:
            return times
        every = -(-len(times) // MOST_TIMES)
        self._result.notes.append(f"trigger {trigger.id}: {len(times[::every])} of its {len(times)} times were looked at")
        return times[::every]

    def _zones_of(self, trigger: Trigger) -> list[str]:
        assert trigger.timing is not None
        if trigger.timing.zone != "project":
            return [trigger.timing.zone]
        with reading(self._engine) as db:
            return sorted(projects.by_zone(db, trigger.connector))

    def _due(self, trigger: Trigger, zone: str, at: dt.datetime) -> None:
        if trigger.kind == "sweep":
            self._trial.sweep(trigger, self._standing(trigger, at))
            return
        event = Event(trigger.connector, f"backtest:{iso(at)}", "update", "", "", "", iso(at), source="schedule")
        self._trial.chosen(trigger, event, Copies(), (None, None))

    def _standing(self, trigger: Trigger, at: dt.datetime) -> Iterator[tuple[Event, Copies]]:
        after = ""
        while True:
            with reading(self._engine) as db:
                rows = history.standing(db, trigger.connector, trigger.resource, at, after, PAGE)
            for row in rows:
                event = Event(
                    row.connector, "", "update", row.resource, row.record_id, row.company_id, iso(at), source="sweep",
                    project_id=row.project_id,
                )  # fmt: skip
                yield event, Copies(row.body, row.body)
            if len(rows) < PAGE:
                return
            after = rows[-1].record_id

    def _zone(self, event: Event) -> str:
        name = (event.connector, event.project_id)
        if name not in self._zones:
            with reading(self._engine) as db:
                self._zones[name] = (projects.zone(db, *name) if all(name) else None) or "UTC"
        return self._zones[name]

    # What came of it

    def _ended(self, run: Going) -> None:
        self._result.gathered += len(run.events) - 1
        if run.fired:
            self._result.would += 1
        if run.error is not None:
            self._result.errors[str(run.error.get("message"))[:300]] += 1
        would = "fired" if run.fired else run.reason or str((run.error or {}).get("message") or run.state)
        if not run.fired and any(word in would for word in HELD):
            self._result.held[_counted_as(would)] += 1
        for event, about in zip(run.events, run.about, strict=True):
            event_id, was = about if about is not None else (None, None)
            if event_id is None or (was is not None and _fired(was)) == run.fired:
                continue
            self._differs(event_id, dt.datetime.fromisoformat(event.timestamp), _named(event), _said(was), would)

    def _missed(self, missed: Missed) -> None:
        was = self._was.get(missed.event.id or 0)
        if was is not None and _fired(was):
            event = missed.event
            self._differs(event.id, dt.datetime.fromisoformat(event.timestamp), _named(event), "fired", missed.reason)

    def _differs(self, event_id: int | None, at: dt.datetime, record: str, was: str, would: str) -> None:
        self._result.differ += 1
        if len(self._result.differing) < self._shown:
            self._result.differing.append(Differing(event_id, at, record, was, would))


def _as_copies(around: Around, bodies: Mapping[int, Any], event: Event) -> Copies:
    before = bodies.get(around.before_id) if around.before_id is not None else None
    after = bodies.get(around.after_id) if around.after_id is not None else None
    if event.action == "delete":
        return Copies(before or after, before or after)
    return Copies(after or before, before, around.after_id)


def _fired(was: Was) -> bool:
    return was.state not in ("skipped", "cancelled")


def _said(was: Was | None) -> str:
    return "no run" if was is None else "fired" if _fired(was) else was.reason or was.state


def _resource(name: str) -> str:
    known = catalogue.resource(name)
    return known.name if known is not None else name


def _record(row: Any) -> str:
    return f"{row.resource_name} {row.resource_id} {row.action}"


def _named(event: Event) -> str:
    return f"{event.resource_name} {event.resource_id} {event.action}".strip()


def _counted_as(reason: str) -> str:
    """The same sentence for every run that was held alike."""
    return " ".join("N" if word.strip(",;:").isdigit() else word for word in reason.split())
