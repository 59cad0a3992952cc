"""What a lane gives out: nothing while it is paused, only what was there before while it is drained, so many at once."""

from __future__ import annotations

import threading

from sqlalchemy import Engine, update

from store import lanes, leases, pauses, runs
from store.models import Pause, Run
from store.session import reading, writing
from store.types import now
from tests.store import samples


def a_run(engine: Engine, key: str, **values: object) -> int:
    with writing(engine) as db:
        id = samples.run(db, samples.event(db, key), lane="manual")
        if values:
            db.execute(update(Run).where(Run.id == id).values(**values))
    return id


def taken(engine: Engine, id: int) -> bool:
    with writing(engine) as db:
        return leases.claim(db, Run, id, "w") is not None


def test_a_lane_that_is_drained_gives_out_what_was_there_before_and_keeps_what_came_later(engine: Engine) -> None:
    before = a_run(engine, "before", created_at=now(-60))
    with writing(engine) as db:
        pauses.put(db, "manual", "the ERP moves tonight", "ana", None, "drain")
    after = a_run(engine, "after", created_at=now(60))
    with reading(engine) as db:
        assert pauses.left_to_drain(db, "manual") == 1
    assert not taken(engine, after)
    assert taken(engine, before)
    with writing(engine) as db:
        pauses.take_away(db, "manual")
    assert taken(engine, after)


def test_a_lane_gives_out_no_more_at_once_than_its_limit_and_the_next_when_one_is_done(engine: Engine) -> None:
    ids = [a_run(engine, f"e{number}") for number in range(4)]
    with writing(engine) as db:
        pauses.limit(db, "manual", 2, "the ERP is slow", "ana")
    assert [taken(engine, id) for id in ids] == [True, True, False, False]
    with writing(engine) as db:
        assert leases.to_ring(db, Run, limit=10, grace_s=-1, again_after_s=0) == []
        assert leases.oldest_due_s(db, Run) == 0.0
        db.execute(update(Run).where(Run.id == ids[0]).values(state="ok"))
        assert lanes.next_in_line(db, Run, "manual") == ids[2:]
    assert [taken(engine, id) for id in ids[2:]] == [True, False]
    with writing(engine) as db:
        pauses.unlimit(db, "manual")
        assert lanes.next_in_line(db, Run, "manual") == []
    assert taken(engine, ids[3])


def test_two_workers_at_the_same_moment_do_not_both_take_the_last_place(engine: Engine) -> None:
    ids = [a_run(engine, f"e{number}") for number in range(8)]
    with writing(engine) as db:
        pauses.limit(db, "manual", 3, "the ERP is slow", "ana")
    begin, got = threading.Barrier(len(ids)), []

    def take(id: int) -> None:
        begin.wait()
        got.append(taken(engine, id))

    threads = [threading.Thread(target=take, args=(id,)) for id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(got) == 3


def test_one_run_passes_through_a_pause_and_the_others_wait(engine: Engine) -> None:
    tested, other = a_run(engine, "e1"), a_run(engine, "e2")
    with writing(engine) as db:
        pauses.put(db, "manual", "the ERP is down", "ana", None)
        assert runs.through(db, tested, "")
    assert [taken(engine, id) for id in (other, tested)] == [False, True]


def test_a_pause_of_before_the_word_drain_holds_everything(engine: Engine) -> None:
    id = a_run(engine, "e1", created_at=now(-60))
    with writing(engine) as db:
        db.execute(Pause.__table__.insert().values(lane="manual", reason="x", by="ana"))  # type: ignore[attr-defined]
    assert not taken(engine, id)
