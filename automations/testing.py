"""Run the `tests:` of an automation, each in a world and a time of its own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from automations.event import Event
from automations.filling import filled, lookups_of, named, overlaid
from automations.functions import iso
from automations.outcomes import Answered, Line
from automations.parts import Automation, Trigger
from automations.pretending import Pretending
from automations.scope import SiteTables
from automations.timing import following
from automations.trial import Copies, Going, Missed, Trial
from automations.written_tests import Given, Happens, Test, Then, Timed, Webhook, kinds


@dataclass
class Seen:
    """All that a test saw, for its claims to be held against. Runs are in the order in which they were made."""

    runs: list[Going] = field(default_factory=list)
    missed: list[Missed] = field(default_factory=list)
    pretending: Pretending = field(default_factory=Pretending)
    trial: Trial | None = None

    @property
    def went_on(self) -> list[Going]:
        return [run for run in self.runs if run.fired]

    @property
    def last(self) -> Going | None:
        runs = self.went_on or self.runs
        return runs[-1] if runs else None

    @property
    def reasons(self) -> list[str]:
        return [run.reason or "" for run in self.runs if run.reason] + [one.reason for one in self.missed]

    @property
    def lines(self) -> tuple[Line, ...]:
        return self.runs[-1].lines if self.runs else ()


def play(rule: Automation, test: Test, tables: SiteTables | None = None) -> Seen:
    """Let everything happen that a test gives."""
    with tempfile.TemporaryDirectory(prefix="tieback-test-") as folder:
        return _Play(rule, test.given, tables or SiteTables(), Path(folder)).seen()


class _Play:
    def __init__(self, rule: Automation, given: Given, tables: SiteTables, folder: Path):
        self.rule, self.given = rule, given
        self.wanted = named(rule)
        self.copies: dict[tuple[str, str], Copies] = {}
        self.origin: dict[tuple[str, str], Event] = {}
        self.set_off: set[str] = set()
        answers = {name: list(said) for name, said in given.answers.items()}
        pretending = Pretending(answers, _company(given), folder, self._stored)
        self._seen = Seen(pretending=pretending)
        self.trial = Trial(
            rule, pretending, given.now, tables=_tables(rule, tables, given), zone=given.timezone, today=given.today,
            missed=self._seen.missed.append, made=self._seen.runs.append, rows=given.tables,
        )  # fmt: skip
        self._seen.trial = self.trial
        self._number = 0

    def seen(self) -> Seen:
        self._people(self.given.answers)
        self._happens(self.given)
        for one in self.given.events:
            self._webhook(one, self.given)
        for then in self.given.then:
            self._later(then)
        self.trial.finish_gathering()
        return self._seen

    def _later(self, then: Then) -> None:
        moment = then.at or self.trial.now + timedelta(seconds=then.after or 0.0)
        self.trial.pass_to(moment)
        for name, said in then.answers.items():
            assert self._seen.pretending.answers is not None
            self._seen.pretending.answers[name] = list(said)
        self._people(then.answers)
        self._happens(then)

    def _people(self, answers: Mapping[str, Any]) -> None:
        for name, said in answers.items():
            if said[0].choice is not None:
                self.trial.shared.answers[name] = Answered(said[0].choice, said[0].by, iso(self.trial.now), said[0].note)
        self.trial.answered()

    def _happens(self, what: Happens) -> None:
        for body in what.records:
            self._keep(body, what)
        for kind in kinds(what):
            getattr(self, f"_{kind}")(getattr(what, kind), what)

    # Each kind of event

    def _webhook(self, said: Webhook, what: Happens) -> None:
        given = what.record or {}
        id = said.resource_id or str(given.get("id", "1"))
        connector = said.connector or self._connector("webhook", said.resource)
        event = self._event(
            "webhook", connector=connector, action=said.action, resource_name=said.resource, resource_id=id,
            company_id=said.company_id, project_id=said.project_id, user_id=said.user_id,
        )  # fmt: skip
        event = replace(event, timestamp=iso(said.timestamp or self.trial.now))
        self.trial.happens(event, self._now(event, what))

    def _schedule(self, said: Timed, what: Happens) -> None:
        self._timed(self._trigger("schedule", said.trigger), said)

    def _sweep(self, said: Timed, what: Happens) -> None:
        trigger = self._trigger("sweep", said.trigger)
        if what.record is not None:
            self._keep(what.record, what)
        self._timed(trigger, said)

    def _timed(self, trigger: Trigger, said: Timed) -> None:
        self._due(trigger, said)
        if trigger.id not in self.set_off and trigger.timing is not None:
            self.set_off.add(trigger.id)
            self._plan(trigger, said)

    def _plan(self, trigger: Trigger, said: Timed) -> None:
        """From now on it happens at its times."""
        assert trigger.timing is not None
        zone = self.given.timezone if trigger.timing.zone == "project" else trigger.timing.zone

        def due(_moment: datetime) -> None:
            self._due(trigger, said)
            self._plan(trigger, said)

        self.trial.at(following(trigger.timing, self.trial.now, zone), due)

    def _due(self, trigger: Trigger, said: Timed) -> None:
        if trigger.kind == "schedule":
            event = self._event("schedule", connector=trigger.connector, project_id=said.project_id)
            self.trial.chosen(trigger, event, Copies())
            return
        mine = [(self.origin[name], one) for name, one in sorted(self.copies.items()) if name[0] == trigger.resource.lower()]
        self.trial.sweep(trigger, mine)

    def _config(self, said: Any, what: Happens) -> None:
        self.trial.happens(self._event("config", kind=said.kind, name=said.name), Copies())

    def _inbound(self, said: Any, what: Happens) -> None:
        self.trial.happens(self._event("inbound", name=said.source, body=said.body), Copies())

    def _run(self, said: Any, what: Happens) -> None:
        self.trial.happens(self._event("run", name=said.automation, status=said.status, run_id="1"), Copies())

    def _manual(self, said: Any, what: Happens) -> None:
        trigger = self._trigger("manual", None)
        id = said.resource_id or str((what.record or {}).get("id", "")) if trigger.resource else ""
        event = self._event(
            "manual", connector=trigger.connector, resource_name=trigger.resource, resource_id=id, project_id=said.project_id,
            body=said.body,
        )  # fmt: skip
        self.trial.chosen(trigger, event, self._now(event, what) if trigger.resource else Copies())

    # What stands behind an event

    def _event(self, source: str, **values: Any) -> Event:
        self._number += 1
        usual = {"connector": "", "action": "update", "resource_name": "", "resource_id": "", "company_id": _company(self.given)}
        whole = {**usual, **values, "source": source, "key": f"test:{self._number}", "id": self._number}
        return Event(**{**whole, "timestamp": iso(self.trial.now)})

    def _now(self, event: Event, what: Happens) -> Copies:
        """The copies that the event's run works with; the new one is our newest from now on."""
        name = (event.resource_name.lower(), event.resource_id)
        stored = self._stored(*name)
        record = filled(overlaid({"id": event.resource_id, **(stored or {})}, what.record or {}), self.wanted)
        before = stored if what.previous is None else overlaid(record, what.previous)
        self.copies.pop(name, None)
        if event.action == "delete":  # the last copy is all there is
            self.trial.shared.copies.pop((event.resource_name, event.resource_id), None)
            gone = before or (record if what.record is not None else None)
            return Copies(gone, gone)
        self.copies[name], self.origin[name] = Copies(record, before, _content(record)), event
        self.trial.shared.copies[event.resource_name, event.resource_id] = record
        return self.copies[name]

    def _keep(self, body: Mapping[str, Any], what: Happens) -> None:
        """A copy that is stored already."""
        trigger = next((one for one in self.rule.triggers if one.kind == "sweep"), None)
        trigger = trigger or next((one for one in self.rule.triggers if one.brings_record), None)
        if trigger is None:
            return
        id, project = str(body.get("id", "1")), str(body.get("project_id", "1"))
        event = self._event(
            "sweep", connector=trigger.connector, resource_name=trigger.resource, resource_id=id, project_id=project
        )
        self._now(event, Happens(record=dict(body), previous=what.previous))

    def _stored(self, resource: str, id: str) -> dict[str, Any] | None:
        known = self.copies.get((resource.lower(), id))
        return None if known is None or known.record is None else dict(known.record)

    def _trigger(self, kind: str, id: str | None) -> Trigger:
        return next(one for one in self.rule.triggers if one.kind == kind and id in (None, one.id))

    def _connector(self, kind: str, resource: str) -> str:
        heard = [one for one in self.rule.triggers if one.kind == kind]
        same = [one for one in heard if one.resource.lower() == resource.lower()]
        return next((one.connector for one in [*same, *heard]), "")


def _company(given: Given) -> str:
    return given.webhook.company_id if given.webhook is not None else "1"


def _tables(rule: Automation, tables: SiteTables, given: Given) -> SiteTables:
    """The site's own, those that the test gives in their place, and empty ones for what nobody has."""
    return replace(tables, lookups={**{name: [] for name in lookups_of(rule)}, **tables.lookups, **given.lookups})


def _content(record: Mapping[str, Any]) -> str:
    return json.dumps(record, sort_keys=True, default=str)
