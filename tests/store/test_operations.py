"""Operations on the real SQL: held like any work, paced, and what was done to each run kept so that it can be taken back."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from config.errors import LostLease
from store import imports, leases, operations, runs, searching
from store.models import Operation, Run, Step
from store.session import reading, writing
from store.types import now
from tests.store import samples


def failed_runs(engine: Engine, count: int) -> list[int]:
    with writing(engine) as db:
        ids = [samples.run(db, samples.event(db, f"e{n}"), due=False) for n in range(count)]
        error = {"kind": "http_429", "message": "asked to wait"}
        db.execute(
            update(Run).values(state="failed", reason="it failed", error=error, attempt=3, finished_at=now(-60), lane="webhook")
        )
    return ids


def row_of(engine: Engine, id: int) -> dict[str, Any]:
    with reading(engine) as db:
        return dict(db.execute(select(Run.__table__).where(Run.id == id)).one()._mapping)


def a_retry(engine: Engine, **values: Any) -> int:
    with writing(engine) as db:
        return operations.add(db, "retry", {"ids": [1]}, "user:ana", **values)


def state_of(engine: Engine, id: int) -> str:
    with reading(engine) as db:
        found = operations.get(db, id)
    assert found is not None
    return str(found["state"])


def test_it_begins_when_its_undo_window_is_over(engine: Engine) -> None:
    id = a_retry(engine, window_s=60.0)
    with writing(engine) as db:
        assert operations.claim(db, id, "w") is None
        db.execute(update(Operation).values(run_after=now()))
        assert operations.claim(db, id, "w") is not None
    assert state_of(engine, id) == "running"


def test_who_holds_it_notices_that_it_was_paused(engine: Engine) -> None:
    id = a_retry(engine)
    with writing(engine) as db:
        held = operations.claim(db, id, "w")
        assert held is not None
        assert operations.hold(db, id, "paused", "lunch", among=operations.GOING)
        with pytest.raises(LostLease):
            operations.progress(db, held, done=1)
    assert state_of(engine, id) == "paused"


def test_it_goes_on_with_a_fence_of_its_own(engine: Engine) -> None:
    id = a_retry(engine, canary=2)
    with writing(engine) as db:
        first = operations.claim(db, id, "w")
        assert first is not None
        assert operations.go_on(db, id, "rest", among=operations.GOING)
        second = operations.claim(db, id, "w")
        assert second is not None
        with pytest.raises(LostLease):
            operations.held_row(db, first)
        assert operations.held_row(db, second).phase == "rest"


def test_an_import_is_an_operation_whose_state_is_that_of_the_import(engine: Engine) -> None:
    with writing(engine) as db:
        import_id = imports.add(db, "acme", ["RFIs"], ["1"], "full", "user:ana")
        imports.add_parts(db, import_id, [("RFIs", "1", "", {}), ("RFIs", "2", "", {})])
        imports.checkpoint(db, imports.parts(db, import_id)[0].id, "ok")
        id = operations.of_import(db, import_id)
        row = operations.get(db, id)
        assert row is not None
        assert (row["state"], row["total"], row["done"], row["connector"]) == ("waiting", 2, 1, "acme")
        assert operations.claim(db, id, "w") is None, "the import's own row is what a worker takes"
        imports.cancel(db, import_id, "not today")
        row = operations.get(db, id)
    assert row is not None
    assert (row["state"], row["reason"]) == ("cancelled", "not today")


def test_who_sees_some_connectors_sees_their_own_operations_and_imports_of_those(engine: Engine) -> None:
    with writing(engine) as db:
        mine = operations.add(db, "retry", {}, "user:nora", connectors=["north"])
        operations.add(db, "retry", {}, "user:ana")
        north = operations.of_import(db, imports.add(db, "north", ["RFIs"], None, "full", "relay"))
        imports.add(db, "acme", ["RFIs"], None, "full", "relay")
        seen = operations.listed(db, limit=10, only=["north"], by="user:nora")
        assert [row["id"] for row in seen] == [north, mine]
        assert len(operations.listed(db, limit=10)) == 4


def test_a_page_of_operations_begins_below_the_last_one_of_the_page_before(engine: Engine) -> None:
    ids = [a_retry(engine) for _ in range(3)]
    with reading(engine) as db:
        assert [row["id"] for row in operations.listed(db, limit=2)] == [ids[2], ids[1]]
        assert [row["id"] for row in operations.listed(db, limit=2, before=ids[1])] == [ids[0]]
        assert operations.listed(db, limit=2, state="done") == []
        assert len(operations.listed(db, limit=9, state="waiting", kind="retry")) == 3


def test_what_is_retried_together_is_due_and_marked_once_each(engine: Engine) -> None:
    ids = failed_runs(engine, 3)
    with writing(engine) as db:
        db.execute(update(Run).where(Run.id == ids[2]).values(state="ok"))
        was = runs.again_all(db, ids, "backfill")
        assert sorted(was) == ids[:2]
        assert runs.again_all(db, ids, "backfill") == {}, "what is due already is not made due again"
        assert db.scalars(select(Step.run_id).where(Step.path == "~failed").order_by(Step.run_id)).all() == ids[:2]
    now_it_is = row_of(engine, ids[0])
    assert (now_it_is["state"], now_it_is["lane"], now_it_is["attempt"], now_it_is["error"]) == ("waiting", "backfill", 0, None)


def test_a_run_that_is_taken_back_is_what_it_was(engine: Engine) -> None:
    (id,) = failed_runs(engine, 1)
    before = row_of(engine, id)
    with writing(engine) as db:
        was = runs.again_all(db, [id], "backfill")
    assert row_of(engine, id) != before
    with writing(engine) as db:
        assert runs.back(db, id, was[id])
        assert not runs.back(db, id, was[id]), "it is back already"
        assert db.scalars(select(Step.id)).all() == []
    assert row_of(engine, id) == before


def test_a_run_that_somebody_began_with_is_not_taken_back(engine: Engine) -> None:
    (id,) = failed_runs(engine, 1)
    with writing(engine) as db:
        was = runs.again_all(db, [id])
        held = leases.claim(db, Run, id, "w")
        assert held is not None
        assert not runs.back(db, id, was[id])
        leases.put_back(db, held, 60.0, counts=True)
        assert not runs.back(db, id, was[id]), "it waits, but it was begun with"


def test_a_filter_is_counted_and_walked_from_the_newest_down(engine: Engine) -> None:
    ids = failed_runs(engine, 5)
    with writing(engine) as db:
        db.execute(update(Run).where(Run.id == ids[1]).values(state="ok"))
        db.execute(update(Run).where(Run.id == ids[4]).values(finished_at=now(-7200)))
        assert searching.run_count(db, None, state=["failed", "parked"]) == (4, ids[4])
        assert searching.run_count(db, None, state="parked") == (0, 0)
        assert searching.run_ids(db, None, 2, state="failed") == [ids[4], ids[3]]
        assert searching.run_ids(db, None, 2, ids[3], state="failed") == [ids[2], ids[0]]
        hour_ago = db.execute(select(now(-3600))).scalar_one()
        assert searching.run_count(db, None, state="failed", ended_since=hour_ago)[0] == 3
        assert searching.run_count(db, ["elsewhere"], state="failed")[0] == 0


HERE = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)


def paced(rate: float | None, ago_s: float | None, most: int = 100) -> tuple[int, dt.datetime | None, float]:
    at = None if ago_s is None else HERE - dt.timedelta(seconds=ago_s)
    return operations.paced(SimpleNamespace(rate=rate, paced_at=at, now_there=HERE), most)


def test_without_a_rate_it_is_as_many_as_fit_into_a_chunk() -> None:
    assert paced(None, None) == (100, None, 0.0)


def test_with_a_rate_the_first_one_goes_at_once_and_the_next_when_its_time_has_come() -> None:
    count, until, wait_s = paced(2.0, None)
    assert (count, until, wait_s) == (1, HERE, 0.5)
    assert paced(2.0, 0.0) == (0, HERE, 0.5)
    assert paced(2.0, 0.5)[0] == 1


def test_what_a_rate_allowed_in_a_long_rest_is_not_done_at_once() -> None:
    assert paced(50.0, 3600.0)[0] == 50
    assert paced(0.1, 3600.0)[0] == 1


def test_a_late_look_makes_up_for_what_it_missed() -> None:
    count, until, _ = paced(10.0, 0.75)
    assert (count, until) == (7, HERE - dt.timedelta(seconds=0.05))
