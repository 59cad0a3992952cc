"""Reading a record again: who may, what becomes of the runs that wait for it, and who inherits what was not read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from config.errors import LostLease
from config.settings import load
from store import cause_names, fetches, leases, runs
from store.leases import LOST_LIMIT, Held
from store.models import Fetch, Record, Run
from store.session import open_engine, writing
from store.types import now
from tests import stores
from tests.store import samples


@pytest.fixture
def event(engine: Engine) -> int:
    with writing(engine) as db:
        return samples.event(db)


def reading_of(db: Connection, event: int, record: str = "1") -> tuple[Held, Any]:
    """A fetch that is being read, with its row."""
    id = samples.fetch(db, event, record)
    db.execute(update(Fetch).where(Fetch.id == id).values(run_after=now(-1)))
    held = fetches.claim(db, id, "w")
    assert held is not None
    return held, fetches.get(db, id)


def of(db: Connection, table: Any, id: int) -> Any:
    return db.execute(select(table.__table__).where(table.id == id)).one()


def blocked(db: Connection, event: int, fetch: int, name: str = "rule", **values: Any) -> int:
    """A run that waits for this fetch."""
    return samples.run(db, event, name, due=False, fetch_id=fetch, **values)


def lapse(db: Connection) -> None:
    """Whoever reads now has vanished."""
    db.execute(update(Fetch).where(Fetch.state == "running").values(lease_until=now(-1)))


def a_copy(db: Connection) -> int:
    about = {"connector": "acme", "resource": "RFIs", "company_id": "1", "project_id": "2", "record_id": "1"}
    row = about | {"record_hash": str(db.scalar(select(Record.id).order_by(Record.id.desc()))), "body": {}}
    return int(db.execute(insert(Record).values(row).returning(Record.id)).scalar_one())


def test_a_record_that_is_being_read_is_not_read_twice_at_once_and_another_one_is(engine: Engine, event: int) -> None:
    with writing(engine) as db:
        reading_of(db, event)
        again, other = samples.fetch(db, event), samples.fetch(db, event, "2")
        db.execute(update(Fetch).where(Fetch.state == "waiting").values(run_after=now(-1)))
        assert fetches.claim(db, again, "w") is None
        assert fetches.claim(db, other, "w") is not None


def test_what_is_put_back_while_a_newer_event_waits_is_left_to_it_with_all_runs(engine: Engine, event: int) -> None:
    with writing(engine) as db:
        held, row = reading_of(db, event)
        waits, begun = blocked(db, event, row.id), samples.run(db, event, "begun", fetch_id=row.id)
        heir = samples.fetch(db, event)
        stranger = blocked(db, event, samples.fetch(db, event, "2"), "stranger")
        fetches.put_back(db, held, row, 60, counts=True)
        assert of(db, Run, waits).fetch_id == heir
        assert of(db, Run, begun).fetch_id == row.id
        assert of(db, Run, stranger).fetch_id not in (row.id, heir)
        left = of(db, Fetch, row.id)
        assert (left.state, left.reason) == ("ok", f"read by fetch {heir}, which came after it")
        assert (of(db, Fetch, heir).state, of(db, Fetch, heir).lost) == ("waiting", 0)


def test_what_is_put_back_alone_waits_with_its_reason_and_its_attempt(engine: Engine, event: int) -> None:
    with writing(engine) as db:
        held, row = reading_of(db, event)
        fetches.put_back(db, held, row, 60, counts=True, reason="the far end is away")
        left = of(db, Fetch, row.id)
        assert (left.state, left.reason, left.attempt) == ("waiting", "the far end is away", 1)
        assert fetches.claim(db, row.id, "w") is None


def test_what_the_database_refuses_for_another_reason_is_not_taken_for_an_heir(engine: Engine, event: int) -> None:
    with pytest.raises(IntegrityError), writing(engine) as db:
        held, row = reading_of(db, event)
        fetches.put_back(db, held, row, 60, counts=True, newest=None)


def test_a_read_whose_worker_vanished_is_due_again(engine: Engine, event: int) -> None:
    with writing(engine) as db:
        _, row = reading_of(db, event)
        waits = blocked(db, event, row.id)
        alive, _ = reading_of(db, event, "2")
        db.execute(update(Fetch).where(Fetch.id == row.id).values(lease_until=now(-1)))
        assert fetches.reap(db) == 1
        assert (of(db, Fetch, row.id).state, of(db, Fetch, row.id).lost) == ("waiting", 1)
        assert (of(db, Run, waits).state, of(db, Run, waits).fetch_id) == ("waiting", row.id)
        assert of(db, Fetch, alive.id).state == "running"


def test_a_read_whose_worker_vanished_is_left_to_a_newer_one_which_inherits_how_often(engine: Engine, event: int) -> None:
    with writing(engine) as db:
        held, row = reading_of(db, event)
        waits = blocked(db, event, row.id)
        db.execute(update(Fetch).values(lost=2))
        heir, other = samples.fetch(db, event), samples.fetch(db, event, "2")
        lapse(db)
        fetches.reap(db)
        left = of(db, Fetch, row.id)
        assert (left.state, left.run_after) == ("ok", None)
        assert left.finished_at is not None
        assert of(db, Run, waits).fetch_id == heir
        assert (of(db, Fetch, heir).state, of(db, Fetch, heir).lost) == ("waiting", 3)
        assert (of(db, Fetch, other).state, of(db, Fetch, other).lost) == ("waiting", 0)
    with pytest.raises(LostLease), writing(engine) as db:
        leases.finish(db, held, "ok")


def test_a_read_that_goes_on_is_left_to_nobody(engine: Engine, event: int) -> None:
    with writing(engine) as db:
        held, row = reading_of(db, event)
        waits = blocked(db, event, row.id)
        samples.fetch(db, event)
        assert fetches.reap(db) == 0
        assert of(db, Run, waits).fetch_id == row.id
        leases.finish(db, held, "ok")


def test_what_was_left_to_a_newer_read_once_is_not_counted_against_every_later_one(engine: Engine, event: int) -> None:
    with writing(engine) as db:
        _, row = reading_of(db, event)
        heir = samples.fetch(db, event)
        lapse(db)
        fetches.reap(db)
        db.execute(update(Fetch).where(Fetch.id == heir).values(state="ok", run_after=None))
        later = samples.fetch(db, event)
        assert fetches.reap(db) == 0
        assert (of(db, Fetch, later).lost, of(db, Fetch, row.id).fence) == (0, 2)


def test_an_heir_that_was_lost_more_often_itself_keeps_its_own_count(engine: Engine, event: int) -> None:
    with writing(engine) as db:
        reading_of(db, event)
        heir = samples.fetch(db, event)
        db.execute(update(Fetch).where(Fetch.id == heir).values(lost=4))
        lapse(db)
        fetches.reap(db)
        assert of(db, Fetch, heir).lost == 4


def test_a_read_that_ended_its_worker_too_often_ends_the_runs_that_wait_with_the_cause(engine: Engine, event: int) -> None:
    with writing(engine) as db:
        _, row = reading_of(db, event)
        waits, other = blocked(db, event, row.id), blocked(db, event, samples.fetch(db, event, "2"), "other")
        earlier = samples.fetch(db, event, "3")
        late = blocked(db, event, earlier, "late")
        db.execute(update(Fetch).where(Fetch.id == earlier).values(state="failed", run_after=None, reason="earlier"))
        db.execute(update(Fetch).where(Fetch.id == row.id).values(lost=LOST_LIMIT))
        lapse(db)
        assert fetches.reap(db) == 1
        assert of(db, Fetch, row.id).state == "failed"
        ended = of(db, Run, waits)
        assert (ended.state, ended.run_after) == ("parked", None)
        assert ended.reason.startswith("the record was not read: put aside: it ended the worker 6 times")
        assert [of(db, Run, id).state for id in (other, late)] == ["waiting", "waiting"]


def test_a_run_that_is_tried_again_has_its_record_read_again_at_once(engine: Engine, event: int) -> None:
    with writing(engine) as db:
        held, row = reading_of(db, event)
        fetches.found_parent(db, row.id, "77")
        leases.finish(db, held, "failed")
        db.execute(update(Fetch).values(created_at=now(-60)))
        new = of(db, Fetch, fetches.again(db, row.id))
        same = ("connector", "resource", "company_id", "project_id", "record_id", "event_id", "newest")
        assert new.id != row.id
        assert [getattr(new, name) for name in same] == [getattr(row, name) for name in same]
        assert new.parent == {"id": "77", "name": ""}
        assert fetches.claim(db, new.id, "w") is not None


def test_only_a_due_fetch_of_the_same_record_follows(engine: Engine, event: int) -> None:
    with writing(engine) as db:
        held, row = reading_of(db, event)
        samples.fetch(db, event, "2")
        db.execute(update(Fetch).where(Fetch.record_id == "2").values(run_after=now(-1)))
        assert fetches.next_of_record(db, row) is None
        follows = samples.fetch(db, event)
        db.execute(update(Fetch).where(Fetch.id == follows).values(run_after=now(60)))
        assert fetches.next_of_record(db, row) is None
        db.execute(update(Fetch).where(Fetch.id == follows).values(run_after=now(-1)))
        assert fetches.next_of_record(db, row) == follows
        leases.finish(db, held, "ok")
        db.execute(update(Fetch).where(Fetch.id == follows).values(state="ok"))
        assert fetches.next_of_record(db, row) is None


@pytest.mark.parametrize("other", [{"connector": "other"}, {"resource": "Submittals"}, {"record_id": "2"}])
def test_what_has_one_of_three_names_in_common_with_a_record_is_another_record(
    engine: Engine, event: int, other: dict[str, str]
) -> None:
    with writing(engine) as db:
        _, row = reading_of(db, event)
        db.execute(update(Fetch).where(Fetch.id == samples.fetch(db, event)).values(run_after=now(-1), **other))
        assert fetches.next_of_record(db, row) is None


def test_what_a_record_belongs_to_is_what_the_last_event_of_its_project_told(engine: Engine, event: int) -> None:
    with writing(engine) as db:
        ids = []
        for parent in ("1", "2", "3", "4", None):
            held, row = reading_of(db, event)
            if parent is not None:
                fetches.found_parent(db, row.id, parent)
            leases.finish(db, held, "ok")
            ids.append(row.id)
        assert fetches.parent_of(db, row) == {"id": "4", "name": ""}
        db.execute(update(Fetch).where(Fetch.id == ids[3]).values(project_id="another"))
        assert fetches.parent_of(db, row) == {"id": "3", "name": ""}
        db.execute(update(Fetch).where(Fetch.id == ids[2]).values(record_id="another"))
        assert fetches.parent_of(db, row) == {"id": "2", "name": ""}


def test_each_run_that_waits_is_given_both_copies_and_made_due_in_its_lane(engine: Engine, event: int) -> None:
    with writing(engine) as db:
        _, row = reading_of(db, event)
        before, after = a_copy(db), a_copy(db)
        first = blocked(db, event, row.id, "a", reason="waits for the far end", record_key="acme/rfis/1")
        second = blocked(db, event, row.id, "b", lane="schedule")
        stranger = blocked(db, event, samples.fetch(db, event, "2"), "c")
        assert fetches.release_runs(db, row.id, before, after) == [(first, "webhook"), (second, "schedule")]
        run = of(db, Run, first)
        assert (run.before_id, run.after_id, run.reason) == (before, after, None)
        assert leases.claim(db, Run, second, "w") is not None
        assert (of(db, Run, stranger).run_after, of(db, Run, stranger).after_id) == (None, None)
        # When it is read once more: they are not released again
        assert fetches.release_runs(db, row.id, before, after) == []


@pytest.mark.parametrize("state", ["waiting", "running", "ok", "parked"])
def test_an_automation_runs_once_for_a_copy_and_the_second_run_says_which_was_first(
    engine: Engine, event: int, state: str
) -> None:
    with writing(engine) as db:
        _, row = reading_of(db, event)
        copy = a_copy(db)
        first = samples.run(db, event, after_id=copy)
        db.execute(update(Run).where(Run.id == first).values(state=state))
        samples.run(db, samples.event(db, "e2"), after_id=copy)  # a third one that saw it, later
        second = blocked(db, samples.event(db, "e3"), row.id)
        assert fetches.release_runs(db, row.id, None, copy) == []
        run = of(db, Run, second)
        assert (run.state, run.reason, run.after_id, run.run_after) == ("skipped", f"unchanged since run {first}", copy, None)
        assert run.finished_at is not None
        assert run.cause is None


@pytest.mark.parametrize(
    "unlike",
    [{"automation": "another"}, {"record_key": "acme/rfis/2"}, {"after_id": None}, {"stage": "dry"}, {"state": "failed"}],
)
def test_a_run_of_another_kind_does_not_stand_in_the_way(engine: Engine, event: int, unlike: dict[str, Any]) -> None:
    with writing(engine) as db:
        _, row = reading_of(db, event)
        copy = a_copy(db)
        first = samples.run(db, event, after_id=copy)
        db.execute(update(Run).where(Run.id == first).values(unlike))
        second = blocked(db, samples.event(db, "e2"), row.id)
        assert fetches.release_runs(db, row.id, None, copy) == [(second, "webhook")]


def test_a_run_that_waits_again_for_the_copy_it_had_does_not_stand_in_its_own_way(engine: Engine, event: int) -> None:
    with writing(engine) as db:
        _, row = reading_of(db, event)
        copy = a_copy(db)
        again = blocked(db, event, row.id, after_id=copy)
        assert fetches.release_runs(db, row.id, None, copy) == [(again, "webhook")]


def test_without_a_copy_and_for_a_person_nothing_counts_as_seen(engine: Engine, event: int) -> None:
    with writing(engine) as db:
        _, row = reading_of(db, event)
        copy = a_copy(db)
        samples.run(db, event, after_id=copy)
        asked = blocked(db, samples.event(db, "e2"), row.id, lane="manual")
        assert fetches.release_runs(db, row.id, None, copy) == [(asked, "manual")]
        gone = blocked(db, samples.event(db, "e3"), row.id)
        assert fetches.release_runs(db, row.id, copy, None) == [(gone, "webhook")]


def test_a_record_that_cannot_be_had_ends_the_runs_that_wait_for_it_with_reason_and_cause(engine: Engine, event: int) -> None:
    fault = {"kind": "http_422", "message": "no"}
    with writing(engine) as db:
        held, row = reading_of(db, event)
        waits, due = blocked(db, event, row.id), samples.run(db, event, "due", fetch_id=row.id)
        other = blocked(db, event, samples.fetch(db, event, "2"), "other")
        fetches.give_up(db, held, row, "failed", "x" * 600, fault)
        read, run = of(db, Fetch, row.id), of(db, Run, waits)
        assert (read.state, read.reason, read.holder) == ("failed", "x" * 500, None)
        assert (run.state, run.reason, run.error, run.run_after) == ("failed", "x" * 500, fault, None)
        assert run.cause == cause_names.of("failed", run.reason, fault)
        assert run.finished_at is not None
        assert [of(db, Run, id).state for id in (due, other)] == ["waiting", "waiting"]


def test_whoever_lost_the_lease_ends_no_run(engine: Engine, event: int) -> None:
    with writing(engine) as db:
        held, row = reading_of(db, event)
        waits = blocked(db, event, row.id)
        lapse(db)
        fetches.reap(db)
    with pytest.raises(LostLease), writing(engine) as db:
        fetches.give_up(db, held, row, "failed", "no")
    with writing(engine) as db:
        assert of(db, Run, waits).state == "waiting"


@pytest.fixture
def server(fresh_database: str, tmp_path: Path) -> Iterator[Engine]:
    """A store in which two may write at the same moment."""
    engine = open_engine(load({"TIEBACK_DATABASE_URL": fresh_database}, tmp_path))
    stores.furnish(engine)
    yield engine
    engine.dispose()


@pytest.mark.services
def test_a_read_that_its_worker_is_writing_down_is_passed_over(server: Engine) -> None:
    with writing(server) as db:
        event = samples.event(db)
        held, row = reading_of(db, event)
        lapse(db)
        heir = samples.fetch(db, event)
    with writing(server) as writes:
        leases.renew(writes, held)
        with writing(server) as db:
            db.execute(text("SET LOCAL lock_timeout = '3s'"))
            assert fetches.reap(db) == 0
    with writing(server) as db:
        assert (of(db, Fetch, row.id).state, of(db, Fetch, heir).state) == ("running", "waiting")


@pytest.mark.services
@pytest.mark.parametrize(
    ("moment", "tell"),
    [
        ("fetches._has_seen", lambda db, id: fetches.release_runs(db, id, None, None)),
        ("cause_names.of", lambda db, id: fetches.close_runs(db, id, "failed", "it is gone")),
    ],
)
def test_a_run_that_a_person_ends_while_it_is_told_of_its_record_stays_ended(
    server: Engine, monkeypatch: pytest.MonkeyPatch, moment: str, tell: Callable[[Connection, int], object]
) -> None:
    with writing(server) as db:
        event = samples.event(db)
        _, row = reading_of(db, event)
        run = blocked(db, event, row.id)

    def meanwhile(*_: Any) -> None:
        with writing(server) as db:
            assert runs.cancel(db, run, "ana: not needed")

    monkeypatch.setattr(f"store.{moment}", meanwhile)
    with writing(server) as db:
        tell(db, row.id)
    with writing(server) as db:
        assert (of(db, Run, run).state, of(db, Run, run).reason) == ("cancelled", "ana: not needed")
        assert of(db, Run, run).run_after is None
