"""Lists and stories over a store that holds one delivery, its event and three runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from config.settings import load
from store import calls, definitions, events, runs
from store.deliveries import Arrival, keep, mark
from store.leases import claim, finish
from store.models import Run
from store.session import open_engine, writing
from tests import stores
from tests.console.conftest import Tieback

NOW = dt.datetime(2026, 3, 1, 10, 0, tzinfo=dt.UTC)
EVENT = {
    "connector": "acme", "source": "webhook", "action": "update", "resource_name": "RFIs", "resource_id": "4398046512001",
    "company_id": "1", "project_id": "2", "user_id": "3", "app_id": "", "timestamp": NOW, "payload_version": "v4.0",
    "state": "matched",
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Engine]:
    """What `tieback` finds in its default place."""
    engine = open_engine(load({}, tmp_path))
    stores.furnish(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def kept(store: Engine) -> list[int]:
    """Run ids: one failed with a step, one waiting, one ok."""
    (delivery,) = keep(store, [Arrival("acme", "key", "k1", b'{"id": 1, "x": "\x1b[31m"}', "application/json")])
    keep(store, [Arrival("acme", "key", "k2", b"not JSON", "text/plain", "quarantined", "not JSON")])
    with writing(store) as db:
        mark(db, delivery, "sorted", None)
        event = events.add(db, {**EVENT, "event_key": "k1", "delivery_id": delivery})
        assert event is not None
        events.settle(db, event, "matched", None, {"quiet": 'if[0] is false: event.action = "update"'})
        return [_run(db, event, name) for name in ("fails", "waits", "works")]


def _run(db: Connection, event: int, name: str) -> int:
    definitions.activate(db, name, f"automations/{name}.yaml", "format: 1\ntitle: T\n")
    (version,) = [one.version_id for one in definitions.active(db) if one.name == name]
    values = {
        "event_id": event,
        "automation": name,
        "version_id": version,
        "trigger": "webhook",
        "stage": "live",
        "connector": "acme",
    }
    id = events.add_run(db, values, due=True)
    assert id is not None
    if name != "waits":
        _finished(db, id, name)
    return id


def _finished(db: Connection, id: int, name: str) -> None:
    held = claim(db, Run, id, "tests")
    assert held is not None
    good = name == "works"
    error = None if good else {"step": "write", "kind": "http_403", "message": "403 on GET /rest"}
    step = {
        "run_id": id,
        "path": "write",
        "state": "ok" if good else "failed",
        "attempt": 1,
        "inputs": {"table": "rfis"},
        "error": error,
    }
    runs.add_step(db, step)
    call = {"connector": "acme", "run_id": id, "fetch_id": None, "method": "GET", "path": "/rest/v1.0/x", "status": 403,
            "duration_ms": 5, "request_id": None, "quota_left": 7, "error": None, "at": NOW}  # fmt: skip
    calls.log_calls(db, [call])
    lines = [{"index": 0, "text": "record.status == 'open'", "held": True, "seen": {"record.status": "open"}}]
    finish(db, held, "ok" if good else "failed", error=error, lines=lines)


def test_events_list_shows_a_delivery_that_is_no_event(tieback: Tieback, kept: list[int]) -> None:
    rows = tieback("events", "list", "--json").json()
    assert [(row["state"], row["id"] is None) for row in rows] == [("quarantined", True), ("matched", False)]
    assert rows[1]["timestamp"] == "2026-03-01T10:00:00Z"
    assert [row["reason"] for row in tieback("events", "list", "--state", "quarantined", "--json").json()] == ["not JSON"]
    assert len(tieback("events", "list", "--limit", "1", "--json").json()) == 1


def test_the_story_of_an_event_names_every_automation_and_why(tieback: Tieback, kept: list[int]) -> None:
    said = tieback("events", "show", "1").out
    assert "event 1  matched  RFIs 4398046512001 update" in said
    assert 'quiet did not run: if[0] is false: event.action = "update"' in said
    assert all(f"run {id}" in said for id in kept)


def test_what_was_quarantined_can_be_read(tieback: Tieback, kept: list[int]) -> None:
    said = tieback("events", "show", "--delivery", "2").out
    assert "delivery 2  quarantined  acme" in said
    assert "reason     not JSON" in said
    assert tieback("events", "show", "--delivery", "9").code == 2


def test_foreign_text_cannot_move_the_cursor(tieback: Tieback, kept: list[int]) -> None:
    said = tieback("events", "show", "1").out
    assert "\x1b" not in said
    assert "\\x1b[31m" in said


def test_the_story_of_a_run_has_conditions_steps_and_calls(tieback: Tieback, kept: list[int]) -> None:
    said = tieback("runs", "show", str(kept[0])).out
    for part in (
        f"run {kept[0]}  failed  fails@", "error      step write: 403 on GET /rest [http_403]",
        "event      1: RFIs 4398046512001 update",
        "if[0]  true  record.status == 'open'", "saw        record.status = open", "step write  failed",
        'input      {"table": "rfis"}', "call GET /rest/v1.0/x  403  5 ms, quota left 7",
    ):  # fmt: skip
        assert part in said
    whole = tieback("runs", "show", str(kept[0]), "--json").json()
    assert whole["steps"][0]["error"]["kind"] == "http_403"
    assert whole["event"]["resource_id"] == "4398046512001"


def test_runs_are_listed_by_state_and_automation(tieback: Tieback, kept: list[int]) -> None:
    assert [row["automation"] for row in tieback("runs", "list", "--state", "failed", "--json").json()] == ["fails"]
    assert [row["id"] for row in tieback("runs", "list", "--automation", "works", "--json").json()] == [kept[2]]
    assert [row["id"] for row in tieback("runs", "list", "--json").json()] == kept[::-1]


def test_a_failed_run_is_tried_again_and_audited(tieback: Tieback, kept: list[int]) -> None:
    assert tieback("runs", "retry", str(kept[0])).code == 0
    assert tieback("runs", "show", str(kept[0]), "--json").json()["state"] == "waiting"
    (row,) = tieback("audit", "list", "--json").json()
    assert (row["verb"], row["subject"]) == ("run retried", str(kept[0]))
    assert row["actor"].startswith("cli:")


def test_a_run_in_another_state_is_left_alone(tieback: Tieback, kept: list[int]) -> None:
    assert f"run {kept[2]} is ok; only one that is failed" in tieback("runs", "retry", str(kept[2])).sentence()
    assert f"run {kept[2]} is ok already" in tieback("runs", "cancel", str(kept[2])).sentence()
    assert tieback("audit", "list", "--json").json() == []


def test_a_waiting_run_is_cancelled_with_its_reason(tieback: Tieback, kept: list[int]) -> None:
    assert tieback("runs", "cancel", str(kept[1]), "--reason", "wrong project").code == 0
    found = tieback("runs", "show", str(kept[1]), "--json").json()
    assert (found["state"], found["reason"]) == ("cancelled", "wrong project")


def test_what_is_not_there_is_one_sentence(tieback: Tieback, store: Engine) -> None:
    for words in (("runs", "show", "7"), ("events", "show", "7"), ("records", "show", "RFIs", "7"), ("runs", "retry", "7")):
        said = tieback(*words)
        assert said.code == 2
        assert said.sentence().startswith("tieback: there is no ")


@pytest.mark.parametrize("words", [("deliveries", "list"), ("effects", "list"), ("queue", "list"), ("quota", "show"),
                                   ("hooks", "list"), ("rules", "list"), ("tokens", "list"), ("connector", "list")])  # fmt: skip
def test_every_listing_is_an_array(tieback: Tieback, kept: list[int], words: tuple[str, ...]) -> None:
    said = tieback(*words, "--json", "--limit", "1")
    assert said.code == 0
    assert isinstance(said.json(), list)
    assert len(said.json()) <= 1
    assert tieback(*words).code == 0


def test_a_token_is_shown_once_and_never_again(tieback: Tieback, store: Engine) -> None:
    token = tieback("tokens", "add", "erp").out.strip()
    assert len(token) > 40
    assert tieback("tokens", "add", "erp").code == 2
    assert tieback("tokens", "revoke", "erp").code == 0
    (row,) = tieback("tokens", "list", "--json").json()
    assert row["revoked_at"].endswith("Z")
    assert token not in tieback("tokens", "list", "--json").out + tieback("audit", "list", "--json").out


def test_an_altered_audit_is_found(tieback: Tieback, store: Engine) -> None:
    tieback("tokens", "add", "erp")
    tieback("tokens", "add", "crm")
    assert tieback("audit", "verify").code == 0
    with writing(store) as db:
        db.exec_driver_sql("UPDATE tieback_audit SET subject = 'nobody' WHERE id = 1")
    said = tieback("audit", "verify")
    assert said.code == 1
    assert "row 1 does not fit" in said.out


def test_a_database_of_another_version_says_what_to_run(tieback: Tieback, store: Engine) -> None:
    with writing(store) as db:
        db.exec_driver_sql("ALTER TABLE tieback_runs RENAME TO tieback_runs_of_old")
        db.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    said = tieback("runs", "list")
    assert said.code == 2
    assert "is at revision 0000, this Tieback needs" in said.sentence()
