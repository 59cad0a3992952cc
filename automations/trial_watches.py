"""What triggers with `hold:`, `repeat:` or `sweep:` wait for in a trial."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from automations import lasting
from automations.event import Event
from automations.functions import iso
from automations.parts import Trigger
from automations.trial_runs import Copies, Going, same

if TYPE_CHECKING:
    from automations.trial import Trial


@dataclass
class Watch:
    since: datetime
    due: datetime | None
    copies: Copies
    of: Event
    number: int
    fired: int = 0


class Watches:
    """What the triggers of a trial watch, by trigger and record."""

    def __init__(self, trial: Trial):
        self._trial = trial
        self.known: dict[tuple[str, str], Watch] = {}
        self._numbers = itertools.count(1)

    def sweep(self, trigger: Trigger, copies: Iterable[tuple[Event, Copies]]) -> None:
        """Look through stored copies, each with an event that tells where it is from."""
        seen = set()
        for event, one in copies:
            name = (trigger.id, event.resource_id)
            seen.add(name)
            event = replace(event, source="sweep", action="update", timestamp=iso(self._trial.now))
            if not lasting.found(self._trial.rule, trigger, self._trial.scope(event, one, trigger.id)).so:
                self.known.pop(name, None)
                continue
            watch = self.known.setdefault(name, self._watch(trigger, event, one))
            watch.copies = one
            self._sweep_fires(trigger, watch)
        for name in [name for name in self.known if name[0] == trigger.id and name not in seen]:
            del self.known[name]

    def _sweep_fires(self, trigger: Trigger, watch: Watch) -> None:
        if watch.due is None or watch.due > self._trial.now + timedelta(seconds=lasting.early_s(trigger)):
            return
        self._fires(trigger, watch, "sweep")

    def _watch(self, trigger: Trigger, event: Event, copies: Copies) -> Watch:
        due = self._trial.now + timedelta(seconds=trigger.hold_s or 0.0)
        return Watch(self._trial.now, due, copies, event, next(self._numbers))

    def _fires(self, trigger: Trigger, watch: Watch, source: str) -> None:
        key = f"{source}:{self._trial.rule.id}:{trigger.id}:{watch.of.resource_id}:{watch.number}:{watch.fired}"
        event = replace(watch.of, source=source, key=key, action="update", timestamp=iso(self._trial.now))
        watch.fired += 1
        watch.due = None if trigger.repeat_s is None else self._trial.now + timedelta(seconds=trigger.repeat_s)
        self._trial.chosen(trigger, event, watch.copies)

    def newer(self, event: Event, copies: Copies) -> None:
        """What is watched is looked at as it is by then; a record that is gone is watched no longer."""
        for trigger in self._trial.rule.triggers:
            watch = self.known.get((trigger.id, event.resource_id))
            if watch is None or not same(watch.of, event):
                continue
            watch.copies = copies
            if event.action == "delete":
                del self.known[trigger.id, event.resource_id]

    def note(self, run: Going) -> None:
        for trigger_id, holds in run.journal.take_watched().items():
            trigger, name = self._trial.rule.trigger(trigger_id), (trigger_id, run.event.resource_id)
            if trigger is None or not holds:
                self.known.pop(name, None)
                continue
            if (known := self.known.get(name)) is not None:
                known.copies = run.copies
                continue
            watch = self.known[name] = self._watch(trigger, run.event, run.copies)
            if watch.due is not None:
                self._trial.at(watch.due, lambda _due, trigger=trigger, name=name: self._look(trigger, name))  # type: ignore[misc]

    def _look(self, trigger: Trigger, name: tuple[str, str]) -> None:
        """What a trigger watches has lasted, or is over."""
        watch = self.known.get(name)
        if watch is None or watch.due is None or watch.due > self._trial.now:
            return
        event = replace(watch.of, source=trigger.kind, action="update")
        if not lasting.still(self._trial.rule, trigger, self._trial.scope(event, watch.copies, trigger.id)).so:
            del self.known[name]
            return
        self._fires(trigger, watch, "hold")
        if watch.due is not None:
            self._trial.at(watch.due, lambda _due: self._look(trigger, name))
