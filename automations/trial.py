"""One automation in a time of its own: what would happen to it and what it would do, with nothing stored.

The engine, the matching, the flow and the conditions of watches are those of the worker; only who keeps the runs
differs. Time stands still but for `pass_to`. Rule tests, back-tests and dry replays are trials with other insides.
"""

from __future__ import annotations

import heapq
import itertools
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from automations import engine, timing
from automations.event import Event
from automations.journal import Gathered
from automations.match import Index
from automations.outcomes import Outcome
from automations.parts import Automation, Trigger
from automations.pretending import Pretending
from automations.scope import Scope, SiteTables, cheap_values
from automations.tools import NoTools
from automations.trial_journal import TrialJournal
from automations.trial_runs import Copies as Copies
from automations.trial_runs import Going as Going
from automations.trial_runs import Missed as Missed
from automations.trial_runs import same
from automations.trial_watches import Watches
from automations.turns import Entry, entry
from config.errors import Permanent

MOST_SEEN = 200_000


class Trial:
    """`made` and `ended` hear of each run that has ended, `missed` of each event that made none.

    `zone` is the project's, or `zone_of` tells it; `dry` says what would be done instead of doing it to the journal.
    """

    def __init__(
        self,
        rule: Automation,
        pretending: Pretending,
        now: datetime,
        *,
        tables: SiteTables | None = None,
        zone: str = "UTC",
        today: datetime | None = None,
        dry: bool = False,
        made: Callable[[Going], None] = lambda _run: None,
        ended: Callable[[Going], None] = lambda _run: None,
        missed: Callable[[Missed], None] = lambda _missed: None,
        rows: Mapping[str, list[dict[str, Any]]] | None = None,
        unknown_tables: bool = False,
        zone_of: Callable[[Event], str] | None = None,
    ):
        self.rule = pretending.wrapped(replace(rule, stage="live") if rule.stage == "off" else rule)
        self.pretending, self.now = pretending, now
        self.tables = tables or SiteTables()
        self.live: dict[int, Going] = {}
        self.watches = Watches(self)
        self.shared = TrialJournal(dry=dry, tables=dict(rows or {}), unknown_tables=unknown_tables)
        self._zone_of = zone_of or (lambda _event: zone)
        self._today, self._made_one, self._ended, self._missed = today, made, ended, missed
        self.index = Index([self.rule])
        self._numbers, self._order = itertools.count(1), itertools.count()
        self._due: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._ready: deque[int] = deque()
        self._gathering: dict[str, Going] = {}
        self._of_key: dict[str, dict[int, Going]] = {}
        self._went_on: dict[str, deque[datetime]] = {}
        self._seen: OrderedDict[tuple[str, str, str], tuple[Any, int]] = OrderedDict()
        self._digests: set[datetime] = set()

    # What happens

    def happens(self, event: Event, copies: Copies, about: Any = None) -> None:
        """An event that finds its triggers by itself: of a webhook, a configuration change, another program, another run."""
        self.watches.newer(event, copies)
        found = self.index.match(event)
        if not found.matches:
            self._missed(Missed(event, found.missed[0].reason if found.missed else found.reason))
            return
        self._begin(event, found.matches[0].trigger_id or "", copies, about)
        self._work()

    def chosen(self, trigger: Trigger, event: Event, copies: Copies, about: Any = None) -> None:
        """An event that is made for this trigger: by a schedule, a sweep, a watch or a person."""
        self._begin(event, trigger.id, copies, about)
        self._work()

    def answered(self) -> None:
        """A person has said something: runs that asked look again."""
        for run in list(self.live.values()):
            if any(path in run.journal.answers for path in run.journal.asked):
                self._due_at(run, self.now)
        self._work()

    def sweep(self, trigger: Trigger, copies: Iterable[tuple[Event, Copies]]) -> None:
        """Look through stored copies, each with an event that tells where it is from."""
        self.watches.sweep(trigger, copies)

    # Time

    def at(self, moment: datetime, do: Callable[[datetime], None]) -> None:
        """Do something when this moment comes."""
        heapq.heappush(self._due, (moment, next(self._order), do))

    def pass_to(self, moment: datetime) -> None:
        """Let time pass, doing whatever becomes due in its order."""
        while self._due and self._due[0][0] <= moment:
            due, _, do = heapq.heappop(self._due)
            self.now = max(self.now, due)
            do(due)
            self._work()
        self.now = max(self.now, moment)

    def finish_gathering(self) -> None:
        """No more events come: what gathers begins."""
        while self._gathering:
            self.pass_to(min(run.due for run in self._gathering.values() if run.due is not None))

    # Runs

    def _begin(self, event: Event, trigger: str, copies: Copies, about: Any) -> None:
        coalesce = self.rule.flow.coalesce
        if coalesce is None or event.source == "manual":
            self._made(event, trigger, copies, about)
            return
        try:
            key = str(coalesce.key.evaluate(cheap_values(self.rule, event, trigger)))
        except Permanent:  # the run itself says what is wrong with the key
            self._made(event, trigger, copies, about)
            return
        run = self._gathering.get(key)
        if run is None:
            run = self._made(event, trigger, copies, about, now=False)
            self._gathering[key] = run
            run.group, run.gather_until = key, self.now + timedelta(seconds=coalesce.max_wait_s)
            run.shown = 0 if coalesce.keep == "first" else -1
        else:
            run.events.append(event)
            run.about.append(about)
            run.copies = replace(copies, previous=run.copies.previous) if same(run.events[0], event) else copies
            run.trigger = run.trigger if coalesce.keep == "first" else trigger
        assert run.gather_until is not None
        if len(run.events) >= coalesce.max_events:
            self._gathered(run)
            self._due_at(run, self.now)
        else:
            self._due_at(run, min(run.gather_until, self.now + timedelta(seconds=coalesce.quiet_s)))

    def _gathered(self, run: Going) -> None:
        """No further event joins."""
        if run.group is not None:
            del self._gathering[run.group]
            run.group = None

    def _made(self, event: Event, trigger: str, copies: Copies, about: Any, now: bool = True) -> Going:
        number = next(self._numbers)
        run = Going(number, [event], trigger, copies, self.now, self.shared.of_run(self, number), [about])
        self.live[number] = run
        self._made_one(run)
        if now:
            self._due_at(run, self.now)
        return run

    def _due_at(self, run: Going, moment: datetime) -> None:
        run.due = moment
        if moment <= self.now:
            self._ready.append(run.id)
            return
        self.at(moment, lambda due: self._ready.append(run.id) if run.due == due else None)

    def _work(self) -> None:
        """Run all that is due until nothing is."""
        while self._ready:
            run = self.live.get(self._ready.popleft())
            if run is not None and run.due is not None and run.due <= self.now:
                self._gathered(run)
                self._attempt(run)

    def _attempt(self, run: Going) -> None:
        if not run.looked and (earlier := self._has_seen(run)) is not None:
            self._close(run, Outcome("skipped", reason=f"unchanged since run {earlier}"))
            return
        run.looked, run.attempt, run.due, run.state = True, run.attempt + 1, None, "running"
        own = {"attempt": run.attempt, "events": tuple(run.events)}
        scope = self.scope(run.event, run.copies, run.trigger, str(run.id), run.made, **own)
        try:
            outcome = engine.run(self.rule, scope, run.journal, NoTools(), lambda: 0.0)
        except Permanent as error:
            outcome = Outcome("failed", error={"step": None, "kind": error.kind, "message": str(error)})
        self.watches.note(run)
        run.reason, run.error, run.trigger = outcome.reason, outcome.error, outcome.trigger or run.trigger
        run.lines = outcome.lines or run.lines
        if outcome.state != "waiting":
            self._close(run, outcome)
            return
        run.state = "waiting"
        run.attempt -= outcome.error is None  # a wait is no attempt
        said = any(path in run.journal.answers for path in run.journal.asked if path not in run.heard)
        run.heard |= set(run.journal.asked)
        self._remember(run)
        self._due_at(run, self.now if said else self.now + timedelta(seconds=outcome.wait_s or 0.0))

    def _has_seen(self, run: Going) -> int | None:
        if run.copies.token is None or run.event.source in ("manual", "schedule"):
            return None
        name = (run.event.connector, run.event.resource_name.lower(), run.event.resource_id)
        token, earlier = self._seen.get(name, (None, 0))
        if token == run.copies.token and run.event.source == "webhook":
            return earlier
        return None

    def _remember(self, run: Going) -> None:
        """An automation runs once per copy, but for what a condition kept out."""
        if run.copies.token is None or run.state not in ("waiting", "ok", "parked"):
            return
        name = (run.event.connector, run.event.resource_name.lower(), run.event.resource_id)
        self._seen[name] = (run.copies.token, run.id)
        if len(self._seen) > MOST_SEEN:
            self._seen.popitem(last=False)

    def _close(self, run: Going, outcome: Outcome) -> None:
        run.state, run.reason, run.error, run.due = outcome.state, outcome.reason, outcome.error, None
        self.live.pop(run.id, None)
        self._remember(run)
        if run.overlap_key is not None:
            self._wake(run)
        self._ended(run)

    def _wake(self, ended: Going) -> None:
        """Let the run that waits longest behind this one take its turn."""
        others = self._of_key.get(ended.overlap_key or "", {})
        others.pop(ended.id, None)
        if not others:
            self._of_key.pop(ended.overlap_key or "", None)
        following = next((one for one in others.values() if one.entered is None), None)
        if following is not None:
            self._due_at(following, self.now)

    def others(self, key: str, but: Going) -> list[Going]:
        """The runs of an overlap key that have not ended, oldest first."""
        return [one for one in self._of_key.get(key, {}).values() if one is not but]

    def scope(
        self, event: Event, copies: Copies, trigger: str, run_id: str = "", now: datetime | None = None, **own: Any
    ) -> Scope:
        """What lines see at this moment; of a run with what is its own."""
        return Scope(
            event, run_id, now or self.now, copies.record, copies.previous, today=self._day(event), moment=self.now,
            trigger=trigger or None, tables=self.tables, **own,
        )  # fmt: skip

    def _day(self, event: Event) -> datetime:
        return timing.day_of(self.now, self._zone_of(event)) if self._today is None else self._today

    # The flow, as `turns.Places` asks for it

    def enter(self, run_id: int, overlap_key: str, throttle_key: str) -> Outcome | None:
        run, flow = self.live[run_id], self.rule.flow
        if run.entered is not None:
            return None
        run.overlap_key = overlap_key if flow.overlap else None
        run.throttle_key = throttle_key if flow.throttle else None
        if run.overlap_key is not None:
            self._of_key.setdefault(run.overlap_key, {})[run.id] = run
        decided: Entry = entry(_Places(self, run), run_id, flow, overlap_key, throttle_key)
        if decided.out is not None:
            return decided.out
        run.entered = self.now
        if decided.digest_in_s is not None:
            run.digest_until = self.now + timedelta(seconds=decided.digest_in_s)
            self._arm_digest(run.digest_until)
        elif run.throttle_key is not None:
            self._went_on.setdefault(run.throttle_key, deque()).append(self.now)
        return None

    def _arm_digest(self, moment: datetime) -> None:
        if moment not in self._digests:
            self._digests.add(moment)
            self.at(moment, self._digest)

    def _digest(self, moment: datetime) -> None:
        """One message for all that were gathered for this moment, by destination."""
        self._digests.discard(moment)
        bundles: dict[tuple[str, str, tuple[str, ...]], list[Gathered]] = {}
        for key, one in list(self.shared.gathered.items()):
            if one.until <= moment:
                bundles.setdefault((one.destination, one.throttle, one.recipients), []).append(self.shared.gathered.pop(key))
        for (destination, _, _), messages in bundles.items():
            self.pretending.digest(destination, self.rule.id, messages)


class _Places:
    """The other runs of a trial."""

    def __init__(self, trial: Trial, run: Going):
        self._trial, self._run = trial, run

    def under_way(self, key: str) -> list[int]:
        return [one.id for one in self._trial.others(key, self._run) if one.entered is not None]

    def standing(self, key: str) -> list[int]:
        return [one.id for one in self._trial.others(key, self._run) if one.entered is None]

    def superseded(self, ids: list[int], reason: str) -> None:
        for id in ids:
            self._trial._close(self._trial.live[id], Outcome("skipped", reason=reason))

    def ask_to_end(self, ids: list[int], reason: str) -> None:
        for id in ids:
            self._trial._close(self._trial.live[id], Outcome("cancelled", reason=reason))

    def went_on(self, key: str, within_s: float, most: int) -> tuple[int, float]:
        went, since = self._trial._went_on.get(key, deque()), self._trial.now - timedelta(seconds=within_s)
        while went and went[0] <= since:
            went.popleft()
        counted = list(went)[-most:]
        return len(counted), (counted[0] - since).total_seconds() if counted else 0.0
