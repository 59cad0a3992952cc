"""Stored events once more for one automation: dry first, then live, and no effect twice unless somebody says so."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from sqlalchemy import Engine

from automations.scope import SiteTables
from config.settings import Settings
from store import definitions, replays, searching, tracing
from store.session import reading, writing
from tests.workers.conftest import changed
from tests.workers.rig import Rig, payload, rig
from workers import replaying

RULE = """
    format: 1
    id: rule
    stage: live
    when:
      - webhook: {connector: acme, resource: RFIs, actions: [create, update]}
    if: record.title != "none"
    do:
      - {id: tell, use: http.call, with: {to: "http:sink", path: /told, json: {title: "${record.title}", event: "${event.id}"}}}
"""


@pytest.fixture
def site(engine: Engine, settings: Settings, far: Any) -> Any:
    return lambda: rig(engine, settings, far, rule=RULE)


def happened(one: Rig, far: Any) -> int:
    one.deliver(payload(far, changed(far, title="one")))
    one.work()
    one.settle()
    (row,) = one.rows("SELECT id FROM tieback_events WHERE source = 'webhook'")
    return int(row["id"])


def live(one: Rig, event: int, *, repeat: bool) -> int | None:
    with writing(one.engine) as db:
        (active,) = [version for version in definitions.active(db) if version.name == "rule"]
        row = tracing.event(db, event)
        return replaying.live(
            db, one.desk.loaded.automation(active.version_id), active.version_id, row, "cli:ana", repeat_effects=repeat
        )


def posted(far: Any) -> list[Any]:
    return [one["body"] for one in requests.get(f"{far.url}/_sim/sink/erp", timeout=10).json()]


def test_dry_says_what_would_happen_and_does_nothing(site: Any, far: Any) -> None:
    with site() as one:
        event = happened(one, far)
        with reading(one.engine) as db:
            (active,) = definitions.active(db)
            rule = one.desk.loaded.automation(active.version_id)
            found = replaying.would(db, rule, tracing.event(db, event), SiteTables())
        assert (found.fires, found.applied) == (True, 1)
        assert found.steps[0].startswith("tell: ok (http.call: POST http:sink")
        assert len(posted(far)) == 1
        assert len(one.runs()) == 1


def test_live_is_a_new_run_that_makes_no_effect_a_second_time(site: Any, far: Any) -> None:
    with site() as one:
        event = happened(one, far)
        run = live(one, event, repeat=False)
        one.settle()
        states = {row["id"]: (row["state"], row["error"]) for row in one.runs()}
        assert states[run] == ("ok", None)
        assert len(posted(far)) == 1
        of_run = f"SELECT event_id FROM tieback_runs WHERE id = {run}"
        (row,) = one.rows(f"SELECT reason, source FROM tieback_events WHERE id IN ({of_run})")
        assert (row["reason"], row["source"]) == (f"a replay of event {event} by cli:ana", "webhook")


def test_told_so_it_makes_the_effect_again_with_the_copies_of_then(site: Any, far: Any) -> None:
    with site() as one:
        # Given an RFI that was told of, and changed since
        event = happened(one, far)
        (record,) = one.rows("SELECT record_id FROM tieback_records")
        wish = {"resource": "RFIs", "verb": "update", "project_id": far.project_id, "id": record["record_id"]}
        requests.post(f"{far.url}/_sim/change", json={**wish, "fields": {"title": "two"}}, timeout=10)
        # When its event is replayed twice, effects and all
        for _ in range(2):
            live(one, event, repeat=True)
            one.settle()
        # Then each replay told of it as it was then, and calls the event what it was
        assert [row["state"] for row in one.runs()] == ["ok"] * 3
        assert [(said["title"], said["event"]) for said in posted(far)] == [("one", str(event))] * 3


def test_what_nobody_hears_makes_no_run(site: Any, far: Any) -> None:
    with site() as one:
        one.deliver(payload(far, "7", resource="Submittals"))
        one.work()
        assert live(one, 1, repeat=False) is None
        assert one.runs() == []


def test_filters_count_first_and_leave_replays_out(site: Any, far: Any) -> None:
    with site() as one:
        event = happened(one, far)
        live(one, event, repeat=False)
        with reading(one.engine) as db:
            for state, fits in (("ok", [event]), ("failed", []), ("matched", [event])):
                asked: Any = {"since": None, "state": state, "resource": "rfis"}
                assert replays.found(db, "rule", {("acme", "RFIs")}, (), 10, **asked) == fits
                assert replays.count(db, "rule", {("acme", "RFIs")}, (), **asked) == (len(fits), max(fits, default=0))


@pytest.mark.parametrize(
    ("name", "fits", "other"),
    [("connector", "acme", "north"), ("source", "webhook", "manual"), ("record", "7", "8"), ("project", None, "1"),
     ("text", "RFIs", "no such words")],
)  # fmt: skip
def test_events_to_be_replayed_are_found_as_the_page_of_events_finds_them(
    site: Any, far: Any, name: str, fits: str | None, other: str
) -> None:
    with site() as one:
        id = happened(one, far)
        row = next(row for row in one.rows("SELECT * FROM tieback_events") if row["id"] == id)
        known = {"record": row["resource_id"], "project": row["project_id"]}
        with reading(one.engine) as db:
            for value, found in ((known.get(name, fits), [id]), (other, [])):
                asked: Any = {name: value}
                assert replays.found(db, "rule", {("acme", "RFIs")}, (), 10, **asked) == found, value
                shown = searching.events(db, None, 10, **asked)
                assert [event["id"] for event in shown if event["id"] == id] == found, value
