"""What each deed leaves in the row, and which rows it leaves alone."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, select, update

from config.errors import LostLease
from store import cause_names, leases, pauses
from store.leases import LEASE_S, LOST_LIMIT, Held
from store.models import Fetch, Operation, Run, Timer
from store.session import writing
from store.types import now
from tests.store import samples


@pytest.fixture
def ids(engine: Engine) -> list[int]:
    """Three runs that are due."""
    with writing(engine) as db:
        event = samples.event(db)
        return [samples.run(db, event, name) for name in "abc"]


def of(db: Connection, id: int, work: Any = Run) -> Any:
    return db.execute(select(work.__table__, now().label("here")).where(work.id == id)).one()


def left_s(row: Any, moment: dt.datetime | None) -> float:
    assert moment is not None
    return float((moment - row.here).total_seconds())


def claimed(db: Connection, id: int, work: Any = Run) -> Held:
    held = leases.claim(db, work, id, "w")
    assert held is not None
    return held


def a_timer(db: Connection, **values: Any) -> int:
    row = {"kind": "validate", "subject": "acme", "run_after": now(-1)} | values
    return int(db.execute(insert(Timer).values(row).returning(Timer.id)).scalar_one())


def test_a_claim_names_its_holder_and_lasts_as_long_as_a_lease(engine: Engine, ids: list[int]) -> None:
    with writing(engine) as db:
        leases.to_ring(db, Run, limit=10, grace_s=0, again_after_s=0)
        held = claimed(db, ids[1])
        row = of(db, ids[1])
        assert (row.state, row.holder, row.fence, row.attempt, row.rung_at) == ("running", "w", 1, 1, None)
        assert (held.id, held.fence, held.attempt, held.work) == (ids[1], 1, 1, Run)
        assert LEASE_S - 20 < left_s(row, row.lease_until) <= LEASE_S
        assert [of(db, id).state for id in (ids[0], ids[2])] == ["waiting", "waiting"]


def test_many_are_claimed_in_the_order_of_their_ids_but_for_what_is_held(engine: Engine, ids: list[int]) -> None:
    with writing(engine) as db:
        event = samples.event(db, "e2")
        fourth = samples.run(db, event, "d")
        claimed(db, ids[1])
        taken = leases.claim_many(db, Run, [fourth, *reversed(ids)], "w")
        assert [(one.id, one.fence) for one in taken] == [(ids[0], 1), (ids[2], 1), (fourth, 1)]


@pytest.mark.parametrize("settings", [pytest.param("postgresql", marks=pytest.mark.services)], indirect=True)
def test_what_finds_no_place_left_in_its_lane_is_as_it_was(engine: Engine, ids: list[int]) -> None:
    with writing(engine) as db:
        pauses.limit(db, "webhook", 2, "the ERP is slow", "ana")
        taken = leases.claim_many(db, Run, ids, "w")
        assert len(taken) == 2
        (out,) = set(ids) - {one.id for one in taken}
        row = of(db, out)
        assert (row.state, row.attempt, row.holder, row.lease_until) == ("waiting", 0, None, None)
        leases.finish(db, taken[0], "ok")
        claimed(db, out)


@pytest.mark.parametrize("settings", [pytest.param("postgresql", marks=pytest.mark.services)], indirect=True)
def test_only_who_has_no_patience_limits_how_long_it_waits_for_a_row(engine: Engine, ids: list[int]) -> None:
    with writing(engine) as db:
        held = claimed(db, ids[0])
        leases.renew(db, held)
        assert db.exec_driver_sql("SHOW lock_timeout").scalar() == "0"
        leases.renew(db, held, patient=False)
        assert db.exec_driver_sql("SHOW lock_timeout").scalar() == "2s"


def test_of_many_those_that_are_still_ours_are_renewed_and_told_in_order(engine: Engine, ids: list[int]) -> None:
    with writing(engine) as db:
        held = [claimed(db, id) for id in ids]
        stranger = claimed(db, samples.run(db, samples.event(db, "e2")))
        db.execute(update(Run).values(lease_until=now(1)))
        db.execute(update(Run).where(Run.id == ids[1]).values(fence=Run.fence + 1))
        assert leases.still_ours(db, reversed(held)) == [held[0], held[2]]
        assert [left_s(of(db, id), of(db, id).lease_until) > 5 for id in (*ids, stranger.id)] == [True, False, True, False]
        leases.finish(db, held[2], "ok")
        assert leases.still_ours(db, held) == [held[0]]


def test_a_claim_is_known_by_its_fence_whatever_its_row_holds(engine: Engine) -> None:
    with writing(engine) as db:
        id = samples.fetch(db, samples.event(db))
        db.execute(update(Fetch).where(Fetch.id == id).values(run_after=now(-1), parent={"id": "1", "name": "List"}))
        held = leases.claim(db, Fetch, id, "w")
        assert held is not None
        assert held.row.parent == {"id": "1", "name": "List"}
        assert "List" not in repr(held)  # what a run was given is for no log
        assert leases.still_ours(db, {held}) == [Held(Fetch, id, 1, 1, row=None)]


def test_of_nothing_nothing_is_ours(engine: Engine) -> None:
    with writing(engine) as db:
        assert leases.still_ours(db, []) == []


def test_a_renewal_is_of_one_row_and_proves_nothing_about_another_one(engine: Engine, ids: list[int]) -> None:
    with writing(engine) as db:
        held, other = claimed(db, ids[0]), claimed(db, ids[1])
        db.execute(update(Run).values(lease_until=now(1)))
        leases.renew(db, held)
        assert left_s(of(db, held.id), of(db, held.id).lease_until) > 5
        assert left_s(of(db, other.id), of(db, other.id).lease_until) < 5
        db.execute(update(Run).where(Run.id == other.id).values(state="waiting"))
        with pytest.raises(LostLease, match=f"tieback_runs {other.id}: the lease of fence 1 has passed to somebody else"):
            leases.renew(db, other)


def test_what_is_finished_says_when_and_is_held_and_due_no_more(engine: Engine, ids: list[int]) -> None:
    with writing(engine) as db:
        held = claimed(db, ids[0])
        leases.finish(db, held, "skipped", reason="it is a draft")
        row = of(db, ids[0])
        assert (row.state, row.reason, row.lease_until, row.holder, row.run_after) == (
            "skipped",
            "it is a draft",
            None,
            None,
            None,
        )
        assert -20 < left_s(row, row.finished_at) <= 0
        with pytest.raises(LostLease):
            leases.finish(db, held, "ok")


def test_what_is_put_back_is_due_after_so_long_and_has_forgiven_its_losses(engine: Engine, ids: list[int]) -> None:
    with writing(engine) as db:
        held = claimed(db, ids[0])
        db.execute(update(Run).values(lost=3, rung_at=now()))
        leases.put_back(db, held, 100, counts=True, reason="busy")
        row = of(db, ids[0])
        assert (row.state, row.reason, row.lost, row.attempt) == ("waiting", "busy", 0, 1)
        assert (row.lease_until, row.holder, row.rung_at) == (None, None, None)
        assert 60 < left_s(row, row.run_after) <= 100
        leases.put_back(db, claimed(db, ids[1]), 0.0, counts=False, run_after=None)  # until somebody makes it due
        assert (of(db, ids[1]).state, of(db, ids[1]).run_after) == ("waiting", None)


def test_what_the_dead_held_is_due_at_once_and_keeps_its_reason_and_what_others_hold_is_left(
    engine: Engine, ids: list[int]
) -> None:
    with writing(engine) as db:
        for id in ids[:2]:
            claimed(db, id)
        db.execute(update(Run).where(Run.id == ids[0]).values(lease_until=now(-1), rung_at=now(), reason="said before"))
        assert leases.reap(db, Run) == 1
        row = of(db, ids[0])
        assert (row.state, row.lost, row.attempt, row.reason, row.cause) == ("waiting", 1, 1, "said before", None)
        assert (row.holder, row.lease_until, row.rung_at, row.finished_at) == (None, None, None, None)
        assert abs(left_s(row, row.run_after)) < 20
        assert [of(db, id).state for id in ids[1:]] == ["running", "waiting"]
        assert leases.reap(db, Run) == 0


def test_what_was_put_aside_says_when_and_of_what_and_is_due_no_more(engine: Engine, ids: list[int]) -> None:
    with writing(engine) as db:
        for id in ids[:2]:
            claimed(db, id)
        db.execute(update(Run).where(Run.id == ids[0]).values(lost=LOST_LIMIT))
        db.execute(update(Run).where(Run.id == ids[1]).values(lost=LOST_LIMIT - 1))
        db.execute(update(Run).where(Run.state == "running").values(lease_until=now(-1)))
        assert leases.reap(db, Run) == 2
        row, other = of(db, ids[0]), of(db, ids[1])
        assert (row.state, row.run_after, row.holder, row.lost) == ("parked", None, None, LOST_LIMIT + 1)
        assert abs(left_s(row, row.finished_at)) < 20
        assert row.cause == cause_names.of("parked", row.reason, None)
        assert (other.state, other.reason, other.lost) == ("waiting", None, LOST_LIMIT)


def test_a_chore_and_a_read_that_end_their_worker_too_often_are_put_aside_too(engine: Engine) -> None:
    with writing(engine) as db:
        timer, fetch = a_timer(db), samples.fetch(db, samples.event(db))
        claimed(db, timer, Timer), claimed(db, fetch, Fetch)
        for work in (Timer, Fetch):
            db.execute(update(work).values(lost=LOST_LIMIT, lease_until=now(-1)))
            assert leases.reap(db, work) == 1
        assert of(db, timer, Timer).state == "failed"
        assert of(db, fetch, Fetch).reason.startswith("put aside: it ended the worker 6 times")


def test_what_came_first_is_rung_for_first_and_no_more_than_the_limit(engine: Engine, ids: list[int]) -> None:
    with writing(engine) as db:
        db.execute(update(Run).where(Run.id == ids[0]).values(run_after=now(-5)))
        db.execute(update(Run).where(Run.id != ids[0]).values(run_after=now(-60)))
        assert leases.to_ring(db, Run, limit=10, grace_s=30, again_after_s=60) == [(ids[1], "webhook"), (ids[2], "webhook")]
        assert [of(db, id).rung_at is None for id in ids] == [True, False, False]
        db.execute(update(Run).values(rung_at=None))
        db.execute(update(Run).where(Run.id == ids[2]).values(run_after=now(-90)))
        db.execute(update(Run).where(Run.id != ids[2]).values(run_after=now(-60)))
        assert leases.to_ring(db, Run, limit=2, grace_s=30, again_after_s=60) == [(ids[0], "webhook"), (ids[1], "webhook")]


def test_what_was_rung_for_long_ago_is_rung_for_again_and_what_is_not_due_is_not(engine: Engine, ids: list[int]) -> None:
    with writing(engine) as db:
        db.execute(update(Run).values(rung_at=now(-100)))
        db.execute(update(Run).where(Run.id == ids[1]).values(rung_at=now(-20)))
        db.execute(update(Run).where(Run.id == ids[2]).values(run_after=now(60)))
        assert leases.to_ring(db, Run, limit=10, grace_s=0, again_after_s=60) == [(ids[0], "webhook")]


def test_what_is_being_done_is_not_rung_for(engine: Engine, ids: list[int]) -> None:
    with writing(engine) as db:
        claimed(db, ids[0])
        db.execute(update(Run).where(Run.id == ids[1]).values(state="parked"))
        assert leases.to_ring(db, Run, limit=10, grace_s=0, again_after_s=60) == [(ids[2], "webhook")]


def test_a_look_sees_what_is_due_and_what_was_left_and_nothing_else(engine: Engine, ids: list[int]) -> None:
    with writing(engine) as db:
        assert leases.anything_due(db, Run)
        assert not leases.anything_due(db, Fetch)
        db.execute(update(Run).values(run_after=now(60)))
        assert not leases.anything_due(db, Run)
        db.execute(update(Run).values(run_after=now(-1)))
        for id in ids:
            claimed(db, id)
        assert not leases.anything_due(db, Run)
        db.execute(update(Run).values(lease_until=now(-1)))
        assert leases.anything_due(db, Run)
        db.execute(update(Run).values(state="ok"))
        assert not leases.anything_due(db, Run)


def test_a_lane_that_a_person_holds_is_due_for_nobody_and_gives_back_what_the_dead_held(engine: Engine, ids: list[int]) -> None:
    with writing(engine) as db:
        pauses.put(db, "webhook", "the ERP moves", "ana", None, "pause")
        assert not leases.anything_due(db, Run)
        assert leases.oldest_due_s(db, Run) == 0.0
        assert leases.claim(db, Run, ids[0], "w") is None
        assert leases.to_ring(db, Run, limit=10, grace_s=0, again_after_s=0) == []
        db.execute(update(Run).where(Run.id == ids[0]).values(state="running", lease_until=now(-1)))
        assert leases.anything_due(db, Run)


@pytest.mark.parametrize("work", [Timer, Operation])
def test_our_own_chores_and_what_a_person_began_go_on_in_a_lane_that_is_held(engine: Engine, work: Any) -> None:
    with writing(engine) as db:
        about: dict[Any, dict[str, Any]] = {
            Timer: {"kind": "validate", "subject": "acme"},
            Operation: {"kind": "retry", "what": {}, "requested_by": "ana"},
        }
        row = {**about[work], "run_after": now(-1)}
        id = int(db.execute(insert(work).values(row).returning(work.id)).scalar_one())
        pauses.put(db, of(db, id, work).lane, "the ERP moves", "ana", None, "pause")
        assert leases.anything_due(db, work)
        assert [one for one, _ in leases.to_ring(db, work, limit=1, grace_s=0, again_after_s=0)] == [id]
        claimed(db, id, work)


def test_the_wait_is_that_of_whoever_has_been_due_longest(engine: Engine, ids: list[int]) -> None:
    with writing(engine) as db:
        assert leases.oldest_due_s(db, Fetch) == 0.0
        db.execute(update(Run).where(Run.id == ids[1]).values(run_after=now(-1000)))
        db.execute(update(Run).where(Run.id == ids[2]).values(state="ok", run_after=now(-2000)))
        assert 1000 <= leases.oldest_due_s(db, Run) < 1100
        db.execute(update(Run).where(Run.id != ids[2]).values(run_after=now(60)))
        assert leases.oldest_due_s(db, Run) == 0.0
