"""Reading a record: a newer event may come at any moment, the worker may die at any line, and no run waits for ever."""

from __future__ import annotations

from typing import Any

import requests
from sqlalchemy import select, update

from config.secrets import Box, Secret
from store import connectors, definitions, fetches, runs
from store.leases import LOST_LIMIT
from store.models import Fetch
from store.session import reading, writing
from store.types import now
from tests.workers.conftest import changed, fault
from tests.workers.rig import Rig, payload
from workers import sorting
from workers.loaded import Loaded


def states(rig: Rig) -> list[str]:
    return [run["state"] for run in rig.runs()]


def fetched(rig: Rig) -> list[tuple[str, int]]:
    return [(row["state"], row["lost"]) for row in rig.rows("SELECT state, lost FROM tieback_fetches ORDER BY id")]


def deliver(rig: Rig, far: Any, id: str, key: str = "A", **values: Any) -> None:
    """Sorted, and not yet fetched."""
    for delivery in rig.deliver(payload(far, id, key=key) | values):
        rig.bell.rung.remove(("sort", delivery))
        sorting.sort(rig.desk, delivery)


def take(rig: Rig, id: int = 1) -> Any:
    with writing(rig.engine) as db:
        return fetches.claim(db, id, "w"), fetches.get(db, id)


def test_a_read_that_fails_while_a_newer_event_came_leaves_all_to_the_newer(keeping: Rig, far: Any) -> None:
    # Given a read in flight, and an event of the same record that came meanwhile
    id = changed(far)
    deliver(keeping, far, id, "A")
    held, row = take(keeping)
    deliver(keeping, far, id, "B")
    # When the first read has to be put back
    with writing(keeping.engine) as db:
        fetches.put_back(db, held, row, 60, counts=True)
    # Then one fetch serves both runs
    assert [state for state, _ in fetched(keeping)] == ["ok", "waiting"]
    keeping.work()
    keeping.settle()
    assert states(keeping) == ["ok", "skipped"]


def test_a_worker_that_dies_in_a_read_while_a_newer_event_came_stops_nothing(keeping: Rig, far: Any) -> None:
    id, other = changed(far), changed(far)
    deliver(keeping, far, id, "A")
    take(keeping)
    deliver(keeping, far, id, "B")
    deliver(keeping, far, other, "C")
    take(keeping, 3)
    keeping.bell.rung.clear()
    keeping.settle()
    assert sorted(states(keeping)) in (["ok", "ok", "ok"], ["ok", "ok", "skipped"])
    assert fetched(keeping)[1][1] == 1  # the heir knows that the record has cost a worker


def test_a_read_that_keeps_ending_its_worker_parks_its_runs_with_the_cause_and_can_be_tried_again(keeping: Rig, far: Any) -> None:
    deliver(keeping, far, changed(far))
    for _ in range(LOST_LIMIT + 1):
        keeping.skip_ahead()
        assert take(keeping)[0] is not None
        keeping.skip_ahead()
        keeping.relay.look()
    assert fetched(keeping) == [("failed", LOST_LIMIT + 1)]
    (run,) = keeping.runs()
    assert run["state"] == "parked"
    assert "the record was not read: put aside: it ended the worker 6 times" in run["reason"]
    # When a person tries it again
    with writing(keeping.engine) as db:
        assert runs.again(db, run["id"])
    keeping.bell.rung.clear()
    keeping.settle()
    # Then the record is read, and only then it runs
    assert states(keeping) == ["ok"]


def test_a_surprise_inside_a_read_neither_loops_hot_nor_loses_the_run(keeping: Rig, far: Any) -> None:
    class Broken(Loaded):
        def procore(self, name: str, lane: str = "webhook") -> Any:
            raise RuntimeError("nobody expected this")

    keeping.desk.loaded.__class__ = Broken
    deliver(keeping, far, changed(far))
    keeping.work()
    assert fetched(keeping)[0][0] == "running"  # until its lease ends
    keeping.relay.look()
    assert ("fetch", 1) not in keeping.bell.rung
    keeping.work()
    keeping.desk.loaded.__class__ = Loaded
    keeping.settle()
    assert states(keeping) == ["ok"]


def test_an_event_without_its_project_is_read_by_the_hooks_or_fails_with_the_reason(keeping: Rig, far: Any) -> None:
    deliver(keeping, far, changed(far), project_id="")
    keeping.work()
    (run,) = keeping.runs()
    assert (run["state"], keeping.rows("SELECT state FROM tieback_fetches")) == ("failed", [{"state": "failed"}])
    assert "project" in run["reason"]


def test_a_connector_that_is_removed_while_runs_wait_fails_them_with_that_sentence(keeping: Rig, far: Any) -> None:
    deliver(keeping, far, changed(far))
    with writing(keeping.engine) as db:
        connectors.set_state(db, "acme", "removed", None)
        definitions.changed(db)
    keeping.work()
    (run,) = keeping.runs()
    assert run["state"] == "failed"
    assert 'there is no connector "acme"' in run["reason"]


def test_a_secret_that_is_missing_at_the_worker_fails_the_run_and_a_retry_reads_anew(keeping: Rig, far: Any) -> None:
    secret = keeping.settings.site / "secrets/acme"
    kept = secret.read_text()
    secret.unlink()
    deliver(keeping, far, changed(far))
    with writing(keeping.engine) as db:
        definitions.changed(db)
    keeping.work()
    (run,) = keeping.runs()
    assert run["state"] == "failed"
    assert "secrets/acme" in run["reason"]
    # When the file is back and a person tries again
    secret.write_text(kept)
    with writing(keeping.engine) as db:
        definitions.changed(db)
        assert runs.again(db, run["id"])
    keeping.settle()
    assert states(keeping) == ["ok"]


def test_an_outage_of_half_an_hour_fails_nothing(keeping: Rig, far: Any) -> None:
    id = changed(far)
    fault(far, "outage", count=40)
    deliver(keeping, far, id)
    with writing(keeping.engine) as db:
        db.execute(update(Fetch).values(attempt=12))
    keeping.work()
    assert states(keeping) == ["waiting"]


def test_a_new_event_makes_a_waiting_read_due_and_starts_its_count_anew(keeping: Rig, far: Any) -> None:
    id = changed(far)
    deliver(keeping, far, id, "A")
    with writing(keeping.engine) as db:
        db.execute(update(Fetch).values(attempt=23, run_after=now(900)))
    deliver(keeping, far, id, "B")
    with reading(keeping.engine) as db:  # due at once, or with what is gathered in its two seconds
        assert db.execute(select(Fetch.attempt, Fetch.run_after <= now(2.5))).all() == [(0, True)]
    keeping.settle()
    assert states(keeping) == ["ok", "skipped"]


def test_a_record_with_what_no_database_takes_is_kept_all_the_same(keeping: Rig, far: Any) -> None:
    deliver(keeping, far, changed(far, subject="a\x00b \\u0000"))
    keeping.work()
    assert states(keeping) == ["ok"]


def test_a_resource_that_left_the_catalogue_fails_its_run_with_the_reason(keeping: Rig, far: Any) -> None:
    deliver(keeping, far, changed(far))
    with writing(keeping.engine) as db:
        db.execute(update(Fetch).values(resource="Time Machines"))
    keeping.work()
    (run,) = keeping.runs()
    assert run["state"] == "failed"
    assert 'there is no resource "Time Machines"' in run["reason"]


def test_a_connector_sealed_with_other_keys_is_refused_and_the_others_load(keeping: Rig, far: Any) -> None:
    with writing(keeping.engine) as db:
        sealed = connectors.seal(Box([b"x" * 32]), "odd", {"client_secret": Secret("s" * 20)})
        connectors.put(db, "odd", "store", {"name": "odd"}, sealed)
        definitions.changed(db)
    deliver(keeping, far, changed(far))
    keeping.work()
    assert states(keeping) == ["ok"]


def calls(far: Any, ending: str) -> int:
    return sum(call["count"] for call in far.world.calls.listed() if call["path"].endswith(ending))


def test_a_record_that_lies_in_the_recycle_bin_is_not_looked_for_any_longer(keeping: Rig, far: Any) -> None:
    # Given a record whose update is told, and whose deletion is not
    id = changed(far)
    deliver(keeping, far, id)
    keeping.work()
    wish = {"resource": "RFIs", "verb": "delete", "project_id": far.project_id, "id": int(id)}
    requests.post(f"{far.url}/_sim/change", json=wish, timeout=10).raise_for_status()
    far.world.calls.forget()
    # When it is looked for
    deliver(keeping, far, id, key="B")
    keeping.work()
    keeping.settle()
    # Then the bin tells after the second 404, once
    assert (calls(far, "/rfis/{id}"), calls(far, "/recycle_bin")) == (2, 1)
    assert keeping.runs()[-1]["reason"] == "the record is gone: it is in the recycle bin"
    assert keeping.rows("SELECT count(*) AS n FROM tieback_records WHERE deleted_at IS NOT NULL") == [{"n": 1}]


def test_a_record_that_is_in_no_bin_is_looked_for_as_long_as_before(keeping: Rig, far: Any) -> None:
    changed(far)
    far.world.calls.forget()
    deliver(keeping, far, "5")
    keeping.work()
    keeping.settle()
    assert (calls(far, "/rfis/{id}"), calls(far, "/recycle_bin")) == (4, 1)
    assert keeping.runs()[-1]["reason"] == "the record is gone, or we may not see it (404)"


def test_a_bin_that_may_not_be_read_changes_nothing(keeping: Rig, far: Any) -> None:
    changed(far)
    fault(far, "error_500", path="recycle_bin")
    deliver(keeping, far, "5")
    keeping.work()
    keeping.settle()
    assert keeping.runs()[-1]["reason"] == "the record is gone, or we may not see it (404)"
