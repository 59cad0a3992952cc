"""Changes of configuration and posts of other systems take the path of any event, to rules that listen to them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text

from config.settings import Settings
from simulator.app import serve
from store import announcements, timers
from store.session import writing
from tests.workers.rig import Rig, payload, rig
from workers import config_events, site

WATCH = """\
format: 1
id: watch
stage: live
when:
  - config: {kinds: [connector.*, automations.changed]}
if: event.name == "" || event.name == "acme"
do:
  - use: http.call
    with: {to: http:sink, path: /told, json: {kind: "${event.kind}", name: "${event.name}"}, idempotency_key: "${event.key}"}
"""
ORDERS = """\
format: 1
id: orders
stage: live
when:
  - inbound: {source: erp}
if: event.body.state == "approved"
do:
  - use: http.call
    with:
      {to: http:sink, path: /told, json: {order: "${event.body.order}", from: "${event.name}"}, idempotency_key: "${event.key}"}
"""


@pytest.fixture
def simulator() -> Iterator[Any]:
    with serve(seed=7) as sim:
        yield sim


@pytest.fixture
def desk(engine: Engine, settings: Settings, simulator: Any) -> Iterator[Rig]:
    with rig(engine, settings, simulator, watch=WATCH, orders=ORDERS) as one:
        yield one


def _sent(simulator: Any) -> list[Any]:
    return [one["body"] for one in simulator.world.sinks.listed("erp")]


def _note(desk: Rig, kind: str, name: str, actor: str = "cli:kim") -> int:
    with writing(desk.engine) as db:
        return config_events.note(db, kind, name, actor, {"company_id": "1"})


def _due_timers(desk: Rig) -> set[tuple[str, str]]:
    with writing(desk.engine) as db:
        db.execute(text("UPDATE tieback_timers SET run_after = run_after"))
    rows = desk.rows("SELECT kind, subject, run_after FROM tieback_timers WHERE state = 'waiting'")
    soonest = min(row["run_after"] for row in rows)
    return {(row["kind"], row["subject"]) for row in rows if str(row["run_after"])[:16] == str(soonest)[:16]}


def test_what_the_site_brings_is_told_to_rules_that_listen(desk: Rig, simulator: Any) -> None:
    desk.settle()
    assert {(one["kind"], one["name"]) for one in _sent(simulator)} == {
        ("connector.created", "acme"),
        ("automations.changed", ""),
    }


def test_a_change_is_an_event_and_runs_the_rule_whose_line_holds(desk: Rig, simulator: Any) -> None:
    desk.settle()
    before = len(_sent(simulator))
    event_id = _note(desk, "connector.validated", "acme")
    _note(desk, "connector.validated", "other")
    desk.settle()
    assert [(one["kind"], one["name"]) for one in _sent(simulator)[before:]] == [("connector.validated", "acme")]
    (event,) = desk.rows(f"SELECT state, source, app_id FROM tieback_events WHERE id = {event_id}")
    assert event == {"state": "matched", "source": "config", "app_id": "cli:kim"}


def test_a_near_miss_says_which_line_with_the_values_seen(desk: Rig) -> None:
    event_id = _note(desk, "connector.updated", "other")
    desk.settle()
    (event,) = desk.rows(f"SELECT state, reason FROM tieback_events WHERE id = {event_id}")
    assert event["state"] == "ignored"
    assert event["reason"].startswith("watch: ")
    assert "other" in event["reason"]


def test_a_kind_that_no_rule_listens_to_says_so(desk: Rig) -> None:
    event_id = _note(desk, "hooks.changed", "acme")
    desk.settle()
    (event,) = desk.rows(f"SELECT state, reason FROM tieback_events WHERE id = {event_id}")
    assert event == {"state": "ignored", "reason": "no automation listens to hooks.changed of acme"}


def test_a_change_that_is_not_committed_is_no_event(desk: Rig) -> None:
    before = desk.rows("SELECT count(*) AS n FROM tieback_events")
    with pytest.raises(RuntimeError), writing(desk.engine) as db:
        config_events.note(db, "connector.updated", "acme", "cli:kim")
        raise RuntimeError
    assert desk.rows("SELECT count(*) AS n FROM tieback_events") == before


def test_losing_every_bell_loses_no_change(desk: Rig, simulator: Any) -> None:
    desk.settle()
    desk.bell.loses = True
    _note(desk, "connector.validated", "acme")
    desk.settle()
    desk.bell.loses = False
    desk.settle()
    assert [one["kind"] for one in _sent(simulator)].count("connector.validated") == 1


def test_an_updated_connector_is_validated_soon(desk: Rig) -> None:
    desk.settle()
    with writing(desk.engine) as db:
        timers.arm(db, "validate", "acme", in_s=86_400, every_s=86_400)
        timers.arm(db, "hooks", "acme", in_s=900, every_s=900)
    _note(desk, "connector.updated", "acme")
    desk.settle()
    assert _due_timers(desk) == {("validate", "acme")}  # no hook is active: the first ones a person applies


def test_automations_changed_told_by_another_program_makes_the_site_be_read_at_once(desk: Rig) -> None:
    desk.settle()
    path = desk.settings.site / "automations/orders.yaml"
    kept = path.stat()
    path.write_text(ORDERS.replace("approved", "rejected"))
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))  # same size and time: the look at files alone sees nothing
    site.look(desk.engine, desk.box, desk.settings)
    _note(desk, "automations.changed", "", "token:ci")
    desk.settle()
    site.look(desk.engine, desk.box, desk.settings)
    (row,) = desk.rows(
        "SELECT v.source FROM tieback_automations a JOIN tieback_versions v ON v.id = a.version_id WHERE a.name = 'orders'"
    )
    assert "rejected" in row["source"]


def test_the_sites_own_news_do_not_make_it_read_itself_again(desk: Rig) -> None:
    desk.settle()
    assert desk.rows("SELECT value FROM tieback_facts WHERE name = 'site_asked'") == []


def test_a_post_runs_the_rule_of_its_source_with_its_body(desk: Rig, simulator: Any) -> None:
    desk.settle()
    before = len(_sent(simulator))
    for key, said in (("1", {"order": "4711", "state": "approved"}), ("2", {"order": "12", "state": "draft"})):
        with writing(desk.engine) as db:
            announcements.inbound(db, "erp", key, json.dumps(said).encode(), said, "token:erp")
    desk.settle()
    assert _sent(simulator)[before:] == [{"order": "4711", "from": "erp"}]


def test_a_post_whose_body_lacks_what_a_line_reads_ends_as_an_error_never_as_false(desk: Rig) -> None:
    with writing(desk.engine) as db:
        announcements.inbound(db, "erp", "1", b"[]", [], "token:erp")
    desk.settle()
    (run,) = [run for run in desk.runs() if run["automation"] == "orders"]
    assert run["state"] == "failed"


BOTH = """\
format: 1
id: both
stage: live
when:
  - id: there
    webhook: {connector: acme, resource: RFIs}
  - id: here
    inbound: {source: erp}
do:
  - id: row
    if: run.trigger == "there"
    use: db.upsert
    with: {table: rfis, row: "${record}"}
  - id: post
    if: run.trigger == "here"
    use: db.upsert
    with: {table: orders, key: order, row: {order: "${event.body.order}"}}
"""


def test_a_post_is_no_record_to_read_though_another_trigger_of_the_rule_brings_one(
    engine: Engine, settings: Settings, simulator: Any
) -> None:
    with rig(engine, settings, simulator, both=BOTH) as one:
        with writing(engine) as db:
            announcements.inbound(db, "erp", "1", b"{}", {"order": 7}, "token:erp")
        one.settle()
        assert [(run["state"], run["error"]) for run in one.runs()] == [("ok", None)]
        assert one.rows("SELECT id FROM tieback_fetches") == []
        assert [row["order"] for row in one.rows('SELECT "order" FROM orders')] == [7]


CLOSED = """\
format: 1
id: closed
stage: live
when:
  - webhook: {connector: acme, resource: RFIs, actions: [update]}
do:
  - use: db.mark_deleted
    with: {table: orders, key: {order: 7}}
"""


def test_a_row_that_came_by_a_post_can_be_marked_by_a_rule_of_a_connector(
    engine: Engine, settings: Settings, simulator: Any
) -> None:
    with rig(engine, settings, simulator, both=BOTH, closed=CLOSED) as one:
        with writing(engine) as db:
            announcements.inbound(db, "erp", "1", b"{}", {"order": 7}, "token:erp")
        one.settle()
        one.deliver(payload(simulator, 1))
        one.settle()
        assert [(run["automation"], run["error"]) for run in one.runs() if run["automation"] == "closed"] == [("closed", None)]
        assert [row["deleted_at"] is None for row in one.rows("SELECT deleted_at FROM orders")] == [False]
