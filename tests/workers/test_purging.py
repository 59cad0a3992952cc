"""Whenever a purge comes, and however little it is told to keep: what happens outside is the same as without it."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select, update

from config import settings as all_settings
from config.settings import Settings
from store import leases, migrate, timers
from store.models import Event, Run, Timer
from store.session import open_engine, reading, writing
from store.types import now
from tests.conftest import KEY
from tests.workers.conftest import changed, fault
from tests.workers.rig import Rig, payload, rig
from workers import chores
from workers.purging import KIND, SUBJECT, purge

_HEAD = """
    format: 1
    id: {id}
    stage: live
    when:
      - webhook: {{connector: acme, resource: RFIs, actions: [{action}]}}
    retry: {{attempts: 2, backoff: fixed, first: 1s}}
    {more}
    do:
"""
RULES = {
    # One per event, whatever the far end says of it; in doubt it is parked.
    "each": _HEAD.format(id="each", action="update", more="")
    + '      - {id: tell, use: http.call, with: {to: "http:sink", path: /each, json: {each: "${event.key}"}}}\n',
    # One per record, for good.
    "once": _HEAD.format(id="once", action="update", more="")
    + '      - {id: tell, use: http.call, with: {to: "http:sink", path: /once, idempotency_key: "r-${event.resource_id}",'
    ' json: {once: "${event.resource_id}"}}}\n',
    # One per content of a record: an event that brings no news runs nothing.
    "news": _HEAD.format(id="news", action="update", more="")
    + '      - {id: tell, use: http.call, with: {to: "http:sink", path: /news, json: {news: "${record.subject}"}}}\n',
    # Two an hour, the others are skipped.
    "rate": _HEAD.format(id="rate", action="create", more="flow: {throttle: {rate: 2/1h, over: skip}}")
    + '      - {id: tell, use: http.call, with: {to: "http:sink", path: /rate, json: {rate: "${event.key}"}}}\n',
    # Several events in one run.
    "some": _HEAD.format(
        id="some", action="update", more="flow: {coalesce: {key: event.resource_id, quiet: 30s, max_wait: 1m, keep: all}}"
    )
    + "      - {id: row, use: db.upsert, with: {table: some, key: [id],"
    ' row: {id: "${event.resource_id}", last: "${event.key}"}}}\n'
    "      - {id: count, use: metrics.count, with: {name: some}}\n",
}
STORIES = st.lists(
    st.one_of(
        st.tuples(st.just("change"), st.integers(0, 1)),
        st.tuples(st.sampled_from(("event", "event", "create", "both")), st.integers(0, 1)),
        st.tuples(st.just("again"), st.integers(0, 3)),  # Procore delivers one that it has delivered
        st.tuples(st.sampled_from(("work", "settle", "die")), st.just(0)),
        st.tuples(st.sampled_from(("apply_then_500", "refused_403", "apply")), st.just(0)),
    ),
    min_size=4,
    max_size=14,
)


class World:
    """One site that a story happens to; in the second one a purge that keeps nothing comes after every sentence of it."""

    def __init__(self, one: Rig, far: Any, files: Path, purges: bool):
        self.one, self.far, self.files, self.purges = one, far, files, purges
        self.records = [changed(far, subject=f"first {n}") for n in range(2)]
        self.sent: list[dict[str, Any]] = []
        self.changes = 0

    def tell(self, story: list[tuple[str, int]]) -> dict[str, Any]:
        for what, number in story:
            getattr(self, f"_{what}", lambda n, mode=what: self._mode(mode))(number)
            self._clean()
        self._mode("apply")
        for _ in range(4):
            self.one.settle()
            self._clean()
        return self._outcome()

    def _clean(self) -> None:
        if self.purges:
            purge(self.one.engine, self.files, 0, 3600)

    def _change(self, number: int) -> None:
        self.changes += 1
        wish = {"resource": "RFIs", "verb": "update", "project_id": self.far.project_id, "id": int(self.records[number])}
        url = f"{self.far.url}/_sim/change"
        requests.post(url, json={**wish, "fields": {"subject": f"change {self.changes}"}}, timeout=10).raise_for_status()

    def _event(self, number: int, action: str = "update") -> None:
        key = f"01J000000000000000000000{len(self.sent):02d}"
        event = payload(self.far, self.records[number], action=action, key=key)
        self.sent.append(event)
        self.one.deliver(event)

    def _both(self, _number: int) -> None:
        """Each read for itself, and no purge between them."""
        for number in (0, 1):
            self._event(number)
            self.one.settle()

    def _create(self, number: int) -> None:
        self._event(number, "create")

    def _again(self, number: int) -> None:
        if self.sent:
            self.one.deliver(self.sent[number % len(self.sent)])

    def _work(self, _number: int) -> None:
        self.one.work()

    def _settle(self, _number: int) -> None:
        self.one.settle()

    def _die(self, _number: int) -> None:
        """Somebody claimed a run and is seen no more."""
        self.one.skip_ahead()
        with writing(self.one.engine) as db:
            for id in db.scalars(select(Run.id).where(Run.state == "waiting", Run.run_after.is_not(None)).limit(1)).all():
                leases.claim(db, Run, id, "dead")

    def _mode(self, mode: str) -> None:
        requests.delete(f"{self.far.url}/_sim/faults/sink", timeout=10)
        if mode != "apply":
            fault(self.far, "sink", sink="erp", mode=mode, for_s=600, share=1.0)

    def _outcome(self) -> dict[str, Any]:
        calls = requests.get(f"{self.far.url}/_sim/sink/erp", timeout=10).json()
        said = sorted(str({**one["body"], "applied": one["applied"]}) for one in calls if "news" not in one["body"])
        # Which of two changes is told depends on the moment of the read, which a purge may bring forward; none is told twice.
        news = Counter(one["body"]["news"] for one in calls if "news" in one["body"] and one["applied"])
        return {
            "calls": said,
            "news": bool(news),
            "told twice": sorted(subject for subject, count in news.items() if count > 1),
            "some": self.one.rows("SELECT id, last FROM some ORDER BY id") if self._has("some") else [],
            "counted": self.one.rows("SELECT name, value FROM tieback_counters ORDER BY name"),
            "parked": self.one.rows("SELECT automation FROM tieback_runs WHERE state = 'parked' ORDER BY event_id, automation"),
            "open": self.one.rows("SELECT count(*) AS n FROM tieback_runs WHERE state IN ('waiting', 'running')"),
            "doubt": self.one.rows(
                "SELECT step, state FROM tieback_effects WHERE state <> 'applied' AND state <> 'failed' ORDER BY id"
            ),
        }

    def _has(self, table: str) -> bool:
        return bool(self.one.rows(f"SELECT name FROM sqlite_master WHERE name = '{table}'"))


@contextmanager
def world(purges: bool) -> Iterator[World]:
    from simulator.app import serve

    with tempfile.TemporaryDirectory() as folder, serve(seed=7, spike=100_000, hourly=1_000_000) as far:
        here = all_settings.load({"TIEBACK_SECRET_KEYS": KEY, "TIEBACK_SITE": f"{folder}/site"}, Path(folder))
        here.site.mkdir()
        engine = open_engine(here)
        migrate.upgrade(engine)
        with rig(engine, here, far, **RULES) as one:
            yield World(one, far, Path(folder), purges)
        engine.dispose()


AGAIN = [("both", 0), ("event", 0), ("settle", 0)]
AGAIN += [(what, 0) for what in ("create", "create", "settle", "create", "settle")]
IN_DOUBT = [("apply_then_500", 0), ("event", 0), ("settle", 0), ("again", 0), ("change", 0), ("event", 0), ("settle", 0)]


@example(story=AGAIN)
@example(story=IN_DOUBT)
@given(story=STORIES)
@settings(max_examples=8, phases=(Phase.explicit, Phase.reuse, Phase.generate), print_blob=True)
@pytest.mark.timeout(600)
def test_a_purge_after_every_moment_of_a_story_changes_nothing_outside(story: list[tuple[str, int]]) -> None:
    outcomes = []
    for purges in (False, True):
        with world(purges) as here:
            outcomes.append(here.tell(story))
    assert outcomes[0] == outcomes[1]


def test_the_stories_are_not_about_nothing() -> None:
    """What they tell leads to calls, and the purge of the second world really takes away what is over."""
    story = [("change", 0), ("event", 0), ("settle", 0), ("event", 0), ("again", 0), ("settle", 0), ("create", 1)]
    with world(True) as here:
        told = here.tell(story)
        left = here.one.rows("SELECT id FROM tieback_steps")
        deliveries = here.one.rows("SELECT id FROM tieback_deliveries")
    assert [one.split(":")[0] for one in told["calls"]] == ["{'each'", "{'each'", "{'once'", "{'rate'"]
    assert (told["news"], told["told twice"]) == (True, [])
    assert (told["counted"], told["open"]) == ([{"name": "some", "value": 2.0}], [{"n": 0}])
    assert len(deliveries) == len(left) == 1  # of the one that still counts against the rate


def test_the_night_comes_by_itself_and_sets_the_next_one(keeping: Rig, far: Any) -> None:
    keeping.deliver(payload(far, changed(far)))
    keeping.settle()
    with writing(keeping.engine) as db:
        db.execute(update(Event).values(created_at=now(-40 * 86_400.0)))
        db.execute(update(Run).values(finished_at=now(-40 * 86_400.0)))
        db.execute(update(Timer).where(Timer.kind == KIND).values(run_after=now(-1)))
        id = db.scalar(select(Timer.id).where(Timer.kind == KIND, Timer.subject == SUBJECT))
    assert id is not None
    chores.run(keeping.desk, id)
    assert keeping.rows("SELECT id FROM tieback_events WHERE source = 'webhook' AND purged_at IS NULL") == []
    with reading(keeping.engine) as db:
        (row,) = db.execute(select(Timer.__table__, now().label("here")).where(Timer.id == id))
    assert (row.state, row.error) == ("waiting", None)
    assert dt.timedelta(hours=1) <= row.run_after - row.here <= dt.timedelta(hours=26)


def test_a_purged_event_is_not_replayed_and_it_says_why(keeping: Rig, far: Any, settings: Settings, engine: Engine) -> None:
    from config.errors import ConfigError
    from console.verbs import replaying
    from console.verbs.at_hand import AtHand
    from store import replays
    from workers.replaying import heard_by

    keeping.deliver(payload(far, changed(far)))
    keeping.settle()
    purge(engine, settings.files_root, 0, 0)
    (row,) = keeping.rows("SELECT id FROM tieback_events WHERE source = 'webhook'")
    here = AtHand(settings, engine, "cli:ana")
    with pytest.raises(ConfigError, match=f"what event {row['id']} said was purged on 20") as told:
        replaying.live(here, "keep-rfis", row["id"])
    assert "\n" not in str(told.value)
    with reading(engine) as db:
        rule, _ = replaying.in_force(db, "keep-rfis")
        wish: dict[str, Any] = {"since": None, "state": None, "resource": "RFIs"}
        assert replays.count(db, rule.id, *heard_by(rule), **wish)[0] == 0


def test_a_timer_that_lost_its_lease_stops_between_two_batches(keeping: Rig, far: Any) -> None:
    from config.errors import LostLease

    asked = 0

    def go_on() -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            raise LostLease("somebody else has it")

    with pytest.raises(LostLease):
        purge(keeping.engine, keeping.settings.files_root, 0, 0, go_on=go_on)
    assert asked == 3
    with reading(keeping.engine) as db:
        assert timers.late_s(db, KIND, SUBJECT) < 0
