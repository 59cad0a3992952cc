"""What we wrote comes back as an event of payload v4, which does not say who wrote it. The simulator really sends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests
from sqlalchemy import Engine, text

from config.settings import Settings
from store.session import writing
from tests.workers.conftest import changed
from tests.workers.rig import Rig, payload, rig, write_site
from tests.workers.served import served
from workers.hooks import Hooks

CLOSE = """
    format: 1
    id: close
    stage: live
    when:
      - webhook: {connector: acme, resource: RFIs, actions: [update]}
    if: '!record.subject.startsWith("done")'
    do:
      - id: write
        use: procore.update
        with: {resource: RFIs, id: "${record.id}", fields: {subject: "done ${event.id}"}}
"""
KEEP = """
    format: 1
    id: keep
    stage: live
    when:
      - webhook: {connector: acme, resource: RFIs, actions: [create, update]}
    do:
      - id: write
        use: db.upsert
        with: {table: rfis, row: "${record}"}
"""


def writer(name: str, connector: str, when: str) -> str:
    return f"""
    format: 1
    id: {name}
    stage: live
    when:
      - webhook: {{connector: {connector}, resource: RFIs, actions: [update]}}
    if: {when}
    do:
      - id: write
        use: procore.update
        with: {{resource: RFIs, id: "${{record.id}}", fields: {{subject: "{name} ${{event.id}}"}}}}
    """


@contextmanager
def subscribed(engine: Engine, settings: Settings, far: Any, *connectors: str, **rules: str) -> Iterator[Rig]:
    with served(engine, settings, far, **rules) as desk:
        for name in connectors or ("acme",):
            mine = Hooks(engine, desk.box, desk.settings, desk.desk.loaded, name)
            mine.apply(mine.plan().changes, "test")
        yield desk


def until(desk: Rig, holds: Callable[[], bool]) -> None:
    """Work on what the simulator sends until this is so, and nothing is left to do."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        desk.settle()
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError(desk.runs())


def events(desk: Rig) -> int:
    return int(desk.rows("SELECT count(*) AS n FROM tieback_events WHERE source = 'webhook'")[0]["n"])


def of(desk: Rig, automation: str) -> list[tuple[str, str | None]]:
    return [(run["state"], run["reason"]) for run in desk.runs() if run["automation"] == automation]


def subject_of(far: Any, id: str) -> str:
    return str(far.world.shelves.find("RFIs", int(id)).body["subject"])


def test_our_own_change_starts_nothing_and_says_which_run_made_it(engine: Engine, settings: Settings, far: Any) -> None:
    # Given a rule that writes to the record that set it off, and one that only listens
    with subscribed(engine, settings, far, close=CLOSE, keep=KEEP) as desk:
        # When somebody changes an RFI
        changed(far, subject="open")
        until(desk, lambda: events(desk) == 2)
        # Then the event of our write is skipped for both, and the write happened once
        (first,) = [run["id"] for run in desk.runs() if run["automation"] == "close" and run["state"] == "ok"]
        assert of(desk, "close") == [("ok", None), ("skipped", f"our own change: run {first}")]
        assert of(desk, "keep") == [("ok", None), ("skipped", f"our own change: run {first}")]
        assert len(desk.rows("SELECT id FROM tieback_effects")) == 1


def test_the_copy_of_our_own_change_is_kept_so_that_the_next_change_is_seen_against_it(
    engine: Engine, settings: Settings, far: Any
) -> None:
    with rig(engine, settings, far, close=CLOSE) as desk:
        id = changed(far, subject="open")
        desk.deliver(payload(far, id))
        desk.settle()
        desk.deliver(payload(far, id, key="01J2") | {"timestamp": _just_now()})
        desk.settle()
        newest = desk.rows("SELECT body FROM tieback_records ORDER BY id DESC LIMIT 1")[0]["body"]
        assert "done" in str(newest)


def test_an_outside_change_shortly_after_our_write_is_not_swallowed(engine: Engine, settings: Settings, far: Any) -> None:
    with rig(engine, settings, far, close=CLOSE, keep=KEEP) as desk:
        id = changed(far, subject="open")
        desk.deliver(payload(far, id))
        desk.settle()
        assert subject_of(far, id).startswith("done")
        # When somebody changes it before the event of our write is read
        requests.post(
            f"{far.url}/_sim/change",
            json={
                "resource": "RFIs",
                "verb": "update",
                "project_id": far.project_id,
                "id": int(id),
                "fields": {"subject": "again"},
            },
            timeout=10,
        )
        desk.deliver(payload(far, id, key="01J2") | {"timestamp": _just_now()})
        desk.deliver(payload(far, id, key="01J3") | {"timestamp": _just_now(), "user_id": "77"})
        desk.settle()
        # Then the rules run on what was changed
        assert not [reason for _, reason in of(desk, "keep") if reason and "our own change" in reason]
        assert [state for state, _ in of(desk, "close")].count("ok") == 2


def test_an_event_from_before_our_write_is_not_taken_for_its_echo(engine: Engine, settings: Settings, far: Any) -> None:
    # Given a change of somebody else whose event comes late, when our write is there already
    with rig(engine, settings, far, close=CLOSE, keep=KEEP) as desk:
        id = changed(far, subject="open")
        desk.deliver(payload(far, id))
        desk.settle()
        early = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600))
        desk.deliver(payload(far, id, key="01J0") | {"timestamp": early, "user_id": "77"})
        desk.settle()
        # Then it is no echo; what it brings is the state of now
        assert of(desk, "keep")[1] == ("ok", None)


def test_two_events_of_one_second_by_two_people_are_not_both_ours(engine: Engine, settings: Settings, far: Any) -> None:
    with rig(engine, settings, far, close=CLOSE, keep=KEEP) as desk:
        id = changed(far, subject="open")
        desk.deliver(payload(far, id))
        desk.settle()
        same = {"timestamp": _just_now()}
        desk.deliver(payload(far, id, key="01J2") | same | {"user_id": "77"})
        desk.deliver(payload(far, id, key="01J3") | same | {"user_id": "1"})
        desk.settle()
        assert [state for state, _ in of(desk, "keep")] == ["ok", "skipped", "ok"]


def test_an_event_of_a_rule_that_needs_no_record_is_told_by_its_content_too(engine: Engine, settings: Settings, far: Any) -> None:
    tell = """
    format: 1
    id: tell
    stage: live
    when:
      - webhook: {connector: acme, resource: RFIs, actions: [update]}
    do:
      - use: http.call
        with: {to: http:sink, path: /x, idempotency_key: "${event.key}", json: {id: "${event.resource_id}"}}
    """
    with subscribed(engine, settings, far, close=CLOSE, tell=tell) as desk:
        changed(far, subject="open")
        until(desk, lambda: events(desk) == 2)
        assert len(far.world.sinks.listed("erp")) == 1
        assert (of(desk, "tell")[1][1] or "").startswith("our own change: run")


def test_two_automations_that_set_each_other_off_are_stopped_after_five_hops(
    engine: Engine, settings: Settings, far: Any
) -> None:
    # Given two connectors to one company, and a rule on each that writes what the other one listens to
    beta = settings.site / "connectors/beta.yaml"
    write_site(settings, far)
    told = (settings.site / "connectors/acme.yaml").read_text()
    beta.write_text(told.replace("name: acme", "name: beta") + "webhooks: {namespace: beta}\n")
    ping = writer("ping", "acme", "'!record.subject.startsWith(\"ping\")'")
    pong = writer("pong", "beta", "'record.subject.startsWith(\"ping\")'")
    with subscribed(engine, settings, far, "acme", "beta", ping=ping, pong=pong) as desk:
        # When somebody changes one RFI
        changed(far, subject="start")
        until(desk, lambda: bool(desk.rows("SELECT 1 FROM tieback_automations WHERE state = 'paused'")))
        # Then the chain ends after five hops, with its cause named
        (reason,) = [run["reason"] for run in desk.runs() if str(run["reason"]).startswith("loop:")]
        assert reason == "loop: ping → pong → ping → pong → ping → pong → ping, broken after 5 hops"
        assert len(desk.rows("SELECT id FROM tieback_effects")) == 6
        # And the one that would have gone on is paused, which is audited
        (paused,) = desk.rows("SELECT name FROM tieback_automations WHERE state = 'paused'")
        assert paused["name"] == "ping"
        assert desk.rows("SELECT subject FROM tieback_audit WHERE verb = 'automation paused'") == [{"subject": "ping"}]
        assert "ping" not in {rule.id for rule in _loaded(desk)}


def _loaded(desk: Rig) -> Any:
    with writing(desk.engine) as db:
        desk.desk.loaded.fresh(db)
    return desk.desk.loaded.automations


def test_a_person_who_edits_a_record_many_times_makes_no_loop(engine: Engine, settings: Settings, far: Any) -> None:
    # Given a rule that writes after each edit
    with rig(engine, settings, far, close=CLOSE) as desk:
        id = ""
        for number in range(9):
            wish = {"resource": "RFIs", "verb": "update", "project_id": far.project_id, "fields": {"subject": f"edit {number}"}}
            id = str(
                requests.post(f"{far.url}/_sim/change", json=wish | ({"id": int(id)} if id else {}), timeout=10).json()["ids"][0]
            )
            desk.deliver(payload(far, id, key=f"01K{number}") | {"timestamp": _just_now(), "user_id": "77"})
            desk.settle()
            # Each edit comes a few minutes after our write, by Procore's clock
            with writing(desk.engine) as db:
                db.execute(text("UPDATE tieback_own_writes SET said_at = '2020-01-01 00:00:00.000000'"))
        assert [state for state, _ in of(desk, "close")] == ["ok"] * 9


def test_an_echo_that_overtakes_the_answer_waits_for_it(engine: Engine, settings: Settings, far: Any) -> None:
    with rig(engine, settings, far, close=CLOSE, keep=KEEP) as desk:
        id = changed(far, subject="open")
        desk.deliver(payload(far, id))
        desk.settle()
        # Given a write of ours that is under way: Procore has done it, and nothing of its answer is known here
        with writing(desk.engine) as db:
            db.execute(text("UPDATE tieback_own_writes SET record_hash = NULL, body = NULL, said_at = NULL"))
            db.execute(text("UPDATE tieback_runs SET state = 'running' WHERE automation = 'close'"))
        desk.deliver(payload(far, id, key="01J2") | {"timestamp": _just_now()})
        desk.work()
        for _ in range(4):  # a copy that is not younger than the event is read again twice
            with writing(desk.engine) as db:
                db.execute(text("UPDATE tieback_fetches SET run_after = '2020-01-01 00:00:00.000000' WHERE state = 'waiting'"))
            desk.relay.look()
            desk.work()
        # Then the event waits
        assert of(desk, "keep")[-1][0] == "waiting"
        assert "is under way" in desk.rows("SELECT reason FROM tieback_fetches ORDER BY id DESC LIMIT 1")[0]["reason"]
        # Until the run has ended, one way or the other
        with writing(desk.engine) as db:
            db.execute(text("UPDATE tieback_runs SET state = 'failed' WHERE automation = 'close' AND state = 'running'"))
        desk.settle()
        assert of(desk, "keep")[-1][0] == "ok"


def _just_now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1))
