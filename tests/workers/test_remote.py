"""`to: sql:<name>`: rows in another database are written once by their key, also when a step is done twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from automations.journal import RowChange, RowDeletion, RowQuery, Snapshot
from config.errors import Permanent, Transient
from config.settings import Settings
from connectors.destinations.sql import Definition
from simulator.app import serve
from tests.workers.rig import Rig, payload, rig
from tests.workers.test_journal import held, made  # noqa: F401 (fixtures)
from tests.workers.test_path import change
from workers import remote
from workers.journal import StoreJournal

KEEP = """
    format: 1
    id: keep
    stage: live
    when:
      - webhook: {connector: acme, resource: RFIs}
    do:
      - id: gone
        if: event.action == "delete"
        use: db.mark_deleted
        with: {table: rfis, to: "sql:dw", key: {id: "${event.resource_id}"}, at: "${event.timestamp}"}
      - id: write
        if: event.action != "delete"
        use: db.upsert
        with: {table: rfis, to: "sql:dw", row: "${record}", columns: {subject: "${record.subject}"}}
      - id: look
        use: db.query
        with: {table: rfis, to: "sql:dw", where: {id: "${event.resource_id}"}, columns: [id, subject], deleted: true}
      - id: history
        use: db.snapshot
        with: {into: rfi_history, row: {rfi: "${event.resource_id}", found: "${steps.look.output.count}"}}
"""


@pytest.fixture
def simulator() -> Iterator[Any]:
    with serve(seed=7, spike=100_000, hourly=1_000_000) as running:
        yield running


@pytest.fixture
def desk(engine: Engine, settings: Settings, simulator: Any) -> Iterator[Rig]:
    (settings.site / "destinations").mkdir(parents=True)
    (settings.site / "destinations/dw.yaml").write_text("format: 1\nkind: sql\nname: dw\nurl: sqlite:///dw.db\n")
    with rig(engine, settings, simulator, keep=KEEP) as one:
        yield one


def there(desk: Rig, query: str) -> list[Any]:
    with closing(sqlite3.connect(desk.settings.site / "dw.db")) as db:
        return db.execute(query).fetchall()


def test_a_change_becomes_a_row_in_the_other_database_and_the_effect_is_kept(desk: Rig, simulator: Any) -> None:
    id = change(simulator, subject="Beam pocket")
    desk.deliver(payload(simulator, id))
    desk.work()
    assert [run["state"] for run in desk.runs()] == ["ok"], desk.runs()
    assert there(desk, "SELECT id, subject, connector FROM rfis") == [(id, "Beam pocket", "acme")]
    assert desk.rows("SELECT target, policy, state FROM tieback_effects") == [
        {"target": "sql:dw rfis", "policy": "idempotent", "state": "applied"}
    ]
    assert desk.rows("SELECT rfi, found FROM rfi_history") == [{"rfi": id, "found": 1}]
    # And its deletion is marked there
    desk.deliver(payload(simulator, id, action="delete", key="01J00000000000000000000002"))
    desk.work()
    assert [run["state"] for run in desk.runs()] == ["ok", "ok"], desk.runs()
    assert there(desk, "SELECT count(*) FROM rfis WHERE deleted_at IS NOT NULL") == [(1,)]


def test_a_database_that_is_away_is_waited_for(desk: Rig, simulator: Any) -> None:
    # Given a file that is no database for a while
    (desk.settings.site / "dw.db").mkdir()
    id = change(simulator, subject="Door")
    desk.deliver(payload(simulator, id))
    desk.work()
    assert [(run["state"]) for run in desk.runs()] == ["waiting"], desk.runs()
    # When it is there again
    (desk.settings.site / "dw.db").rmdir()
    desk.settle()
    # Then the row stands there, once
    assert [run["state"] for run in desk.runs()] == ["ok"], desk.runs()
    assert there(desk, "SELECT id, subject FROM rfis") == [(id, "Door")]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    url = request.getfixturevalue("fresh_database") if request.param == "postgresql" else "sqlite:///elsewhere.db"
    destination = Definition("dw", "${env:DW}", "", 3, 5).load({"DW": url}, tmp_path)
    yield destination
    destination.engine.dispose()


@pytest.fixture
def journal(engine: Engine, settings: Any, held: Any, keeper: Any, elsewhere: Any) -> Iterator[StoreJournal]:  # noqa: F811
    one = made(engine, settings, held, keeper)
    one._destination = lambda name: elsewhere
    yield one
    one.abandon()


def test_written_again_after_a_crash_a_row_is_unchanged_and_an_older_one_loses(journal: StoreJournal) -> None:
    newer = RowChange("things", {"id": "1", "n": 2}, ("id",), False, version="2026-03-02", to="dw")
    older = RowChange("things", {"id": "1", "n": 1}, ("id",), False, version="2026-03-01", to="dw")
    assert [journal.upsert(one) for one in (newer, newer, older, newer)] == ["inserted", "unchanged", "older", "unchanged"]
    assert [row["n"] for row in journal.stream(RowQuery("things", to="dw"))] == [2]
    gone = RowDeletion("marks", {"id": "1"}, "2026-03-03T00:00:00Z", to="dw")
    assert [journal.mark_deleted(gone) for _ in range(2)] == ["inserted", "unchanged"]


def test_rubbish_is_kept_there_as_it_is_here(journal: StoreJournal) -> None:
    row = {"id": "1", "j": {"a": float("nan"), "b": "\ud800\x00"}, "t": "\ud800", "n": 10**400, "f": float("inf")}
    assert journal.upsert(RowChange("things", row, ("id",), False, to="dw")) == "inserted"
    (kept,) = journal.stream(RowQuery("things", to="dw"))
    assert (kept["j"], kept["t"], kept["n"]) == ({"a": None, "b": "\ufffd\ufffd"}, "\ufffd", str(10**400))


def test_what_the_far_database_refuses_is_not_tried_again(journal: StoreJournal, elsewhere: Any) -> None:
    with elsewhere.writing() as db:
        db.execute(text("CREATE TABLE things (id TEXT, n BIGINT CHECK (n < 5))"))
    with pytest.raises(Permanent, match="sql:dw"):
        journal.upsert(RowChange("things", {"id": "1", "n": 7}, ("id",), False, to="dw"))
    with pytest.raises(Permanent, match='no table "nothing"'):
        list(journal.stream(RowQuery("nothing", to="dw")))


def test_no_answer_is_tried_again(tmp_path: Path) -> None:
    away = Definition("dw", "${env:DW}", "", 1, 1).load({"DW": "postgresql://u@127.0.0.1:1/dw"}, tmp_path)
    with pytest.raises(Transient, match="sql:dw does not answer") as raised, remote.writing(lambda name: away, "dw"):
        pass
    assert raised.value.kind == "connection"


def test_a_snapshot_is_committed_with_its_step(engine: Engine, journal: StoreJournal) -> None:
    journal.upsert(RowChange("things", {"id": "1", "n": 2}, ("id",), False))
    assert journal.snapshot(Snapshot("history", "2026-03-01T00:00:00Z", "keep", RowQuery("things"))) == 1
    journal.abandon()
    with pytest.raises(Permanent, match="no table"):
        list(journal.stream(RowQuery("history")))
