"""A run ends where it should whatever happens inside: with its reason, its steps, and nothing held behind."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, text, update

from automations import engine as rules
from config.settings import Settings
from store import runs
from store.leases import LOST_LIMIT
from store.models import Run, Version
from store.session import writing
from tests.workers.conftest import changed
from tests.workers.rig import Rig, payload, rig
from workers import execute, fetch, jobs


def ready(rig: Rig, far: Any) -> int:
    """A run that is due, its record read."""
    rig.deliver(payload(far, changed(far)))
    for actor in ("sort", "fetch"):
        rung, id = rig.bell.rung.pop(0)
        assert rung == actor
        jobs.ACTORS[actor](rig.desk, id)
    rig.bell.rung.clear()
    return 1


def test_a_version_that_no_longer_parses_fails_its_run_with_the_reason(keeping: Rig, far: Any) -> None:
    ready(keeping, far)
    with writing(keeping.engine) as db:
        db.execute(update(Version).values(source="format: 99\nid: keep-rfis\n"))
    keeping.desk.loaded._by_version.clear()
    execute.run(keeping.desk, 1)
    (run,) = keeping.runs()
    assert (run["state"], run["attempt"]) == ("failed", 1)


GUARDED = """
    format: 1
    id: guarded
    stage: live
    when:
      - webhook: {connector: acme, resource: RFIs, actions: [create, update]}
        where: timestamp(record.subject) > event.timestamp
    do:
      - id: write
        use: db.upsert
        with: {table: rfis, row: "${record}"}
"""


def test_guards_that_failed_are_asked_again_when_the_run_is_tried_again(engine: Engine, settings: Settings, far: Any) -> None:
    with rig(engine, settings, far, guarded=GUARDED) as one:
        one.deliver(payload(far, changed(far, subject="no time")))
        one.settle()
        (failed,) = one.runs()
        assert failed["state"] == "failed"
        assert "conversion failed" in str(failed["error"])
        with writing(engine) as db:
            assert runs.again(db, failed["id"])
        one.settle()
        (again,) = one.runs()
        assert (again["state"], again["error"]) == ("failed", failed["error"])


def test_a_surprise_frees_the_database_and_the_run_is_parked_after_six(
    keeping: Rig, far: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready(keeping, far)

    def surprise(rule: Any, scope: Any, journal: Any, tools: Any) -> None:
        from automations.journal import RowChange

        journal.upsert(RowChange("things", {"id": "1"}, ("id",), False))
        raise MemoryError

    monkeypatch.setattr(rules, "run", surprise)
    for _ in range(LOST_LIMIT + 1):
        jobs.one("run", execute.run, keeping.desk, 1)
        assert keeping.runs()[0]["state"] == "running"  # no hot loop: it comes back when its lease ends
        with writing(keeping.engine) as db:
            db.execute(text("CREATE TABLE IF NOT EXISTS free (n BIGINT)"))
        keeping.skip_ahead()
        keeping.relay.look()
    assert keeping.runs()[0]["state"] == "parked"
    # When the cause is mended and a person tries again
    monkeypatch.undo()
    with writing(keeping.engine) as db:
        assert runs.again(db, 1)
    keeping.bell.rung.clear()
    keeping.settle()
    assert keeping.runs()[0]["state"] == "ok"


def test_two_workers_with_the_same_ring_do_it_once(keeping: Rig, far: Any) -> None:
    ready(keeping, far)
    execute.run(keeping.desk, 1)
    execute.run(keeping.desk, 1)
    (run,) = keeping.runs()
    assert (run["state"], run["attempt"]) == ("ok", 1)
    assert keeping.rows("SELECT count(*) AS n FROM tieback_steps") == [{"n": 1}]


def test_ids_that_are_nobodys_are_dropped(keeping: Rig) -> None:
    for id in (0, -1, 999999, 2**62):
        execute.run(keeping.desk, id)
        fetch.fetch(keeping.desk, id)
    assert keeping.runs() == []


def test_a_run_that_was_cancelled_before_it_began_is_not_begun(keeping: Rig, far: Any) -> None:
    ready(keeping, far)
    with writing(keeping.engine) as db:
        assert runs.cancel(db, 1, "not wanted")
    execute.run(keeping.desk, 1)
    assert keeping.runs()[0]["state"] == "cancelled"


def test_a_run_that_was_cancelled_before_its_read_reads_when_it_is_tried_again(keeping: Rig, far: Any) -> None:
    for id in keeping.deliver(payload(far, changed(far))):
        jobs.ACTORS["sort"](keeping.desk, id)
    with writing(keeping.engine) as db:
        assert runs.cancel(db, 1, "not wanted")
    keeping.work()
    with writing(keeping.engine) as db:
        assert runs.again(db, 1)
    keeping.settle()
    assert keeping.runs()[0]["state"] == "ok"


def test_a_run_held_by_somebody_else_by_now_is_left_to_them(keeping: Rig, far: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ready(keeping, far)
    real = rules.run

    def frozen(*args: Any) -> Any:
        with writing(keeping.engine) as db:
            db.execute(update(Run).values(fence=Run.fence + 1))
        return real(*args)

    monkeypatch.setattr(rules, "run", frozen)
    jobs.one("run", execute.run, keeping.desk, 1)
    assert keeping.runs()[0]["state"] == "running"
    assert keeping.rows("SELECT count(*) AS n FROM tieback_steps") == [{"n": 0}]


@pytest.mark.parametrize("ids", [None, "5", [True], ["x"], [1.5], {}])
def test_a_message_that_is_no_list_of_ids_is_dropped(keeping: Rig, ids: Any) -> None:
    jobs._each("run", execute.run, keeping.desk)(ids)
