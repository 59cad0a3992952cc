"""Leases are kept alive while work goes on, and whoever lost one starts no call any more."""

from __future__ import annotations

import os
import socket
import threading
import time

import pytest
from sqlalchemy import Engine, text, update

from config.errors import LostLease
from store import leases
from store.leases import LEASE_S, Held
from store.models import Run
from store.session import writing
from store.types import now
from tests.store import samples
from workers import keeper as keepers
from workers.keeper import MARGIN_S, Keeper, new_holder


@pytest.fixture
def held(engine: Engine) -> Held:
    with writing(engine) as db:
        claimed = leases.claim(db, Run, samples.run(db, samples.event(db)), "w")
    assert claimed is not None
    return claimed


def left_s(engine: Engine) -> float:
    with writing(engine) as db:
        until, here = db.execute(Run.__table__.select().with_only_columns(Run.lease_until, now())).one()
    assert until is not None
    return float((until - here).total_seconds())


def test_what_is_held_may_go_on_until_shortly_before_its_lease_ends(keeper: Keeper, held: Held) -> None:
    with keeper.holding(held, time.monotonic()):
        keeper.still_mine(held)
    with keeper.holding(held, time.monotonic() - LEASE_S + MARGIN_S), pytest.raises(LostLease):
        keeper.still_mine(held)


def test_what_is_not_held_may_not_go_on(keeper: Keeper, held: Held) -> None:
    with pytest.raises(LostLease):
        keeper.still_mine(held)
    with keeper.holding(held, time.monotonic()):
        assert keeper.held_count() == 1
    assert keeper.held_count() == 0


def test_a_renewed_lease_is_long_again_in_both_clocks(engine: Engine, keeper: Keeper, held: Held) -> None:
    with writing(engine) as db:
        db.execute(update(Run).values(lease_until=now(3)))
    with keeper.holding(held, time.monotonic() - LEASE_S):
        keeper._renew(held)
        keeper.still_mine(held)
    assert left_s(engine) > LEASE_S - 5


def test_a_lease_that_passed_on_is_noticed_at_the_next_renewal(engine: Engine, keeper: Keeper, held: Held) -> None:
    with keeper.holding(held, time.monotonic()):
        with writing(engine) as db:
            db.execute(update(Run).values(fence=Run.fence + 1))
        keeper._renew(held)
        with pytest.raises(LostLease):
            keeper.still_mine(held)


def test_a_database_that_is_away_at_the_renewal_loses_nothing_yet(engine: Engine, keeper: Keeper, held: Held) -> None:
    with keeper.holding(held, time.monotonic()):
        with writing(engine) as db:
            db.execute(text("ALTER TABLE tieback_runs RENAME TO away"))
        keeper._renew(held)
        keeper.still_mine(held)


# SQLite locks the whole database: there is no row to be locked alone.
@pytest.mark.parametrize("settings", [pytest.param("postgresql", marks=pytest.mark.services)], indirect=True)
def test_one_row_that_is_locked_does_not_hold_up_the_renewal_of_the_others(engine: Engine, keeper: Keeper, held: Held) -> None:
    with writing(engine) as db, keeper.holding(held, time.monotonic()):
        leases.renew(db, held)  # a step's transaction that is still open
        began = time.monotonic()
        keeper._renew(held)
        assert time.monotonic() - began < 5
        keeper.still_mine(held)


def test_no_two_holders_have_one_name() -> None:
    assert new_holder() != new_holder()


def test_a_holder_says_on_which_machine_and_in_which_process_it_is() -> None:
    machine, process, rest = new_holder().rsplit(":", 2)
    assert (machine, process, len(rest)) == (socket.gethostname(), str(os.getpid()), 8)


def test_everything_held_is_renewed_again_and_again_without_being_asked(
    engine: Engine, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keepers, "RENEW_S", 0.02)
    with writing(engine) as db:
        other = leases.claim(db, Run, samples.run(db, samples.event(db, "e2"), "second"), "w")
    assert other is not None
    one = Keeper(engine)
    try:
        with one.holding(held, time.monotonic()), one.holding(other, time.monotonic()):
            for _ in range(2):
                with writing(engine) as db:
                    db.execute(update(Run).values(lease_until=now(-1)))
                deadline = time.monotonic() + 60
                while soonest_s(engine) < 5 and time.monotonic() < deadline:
                    time.sleep(0.01)
                assert soonest_s(engine) > 5
    finally:
        monkeypatch.undo()  # so long it waits for its thread
        one.stop()


def soonest_s(engine: Engine) -> float:
    with writing(engine) as db:
        rows = list(db.execute(Run.__table__.select().with_only_columns(Run.lease_until, now().label("here"))))
    return min(float((row.lease_until - row.here).total_seconds()) for row in rows)


def test_a_renewal_that_ends_after_the_work_did_brings_nothing_back(keeper: Keeper, held: Held) -> None:
    with keeper.holding(held, time.monotonic()):
        pass
    keeper._renew(held)
    assert keeper.held_count() == 0
    with pytest.raises(LostLease, match=f"tieback_runs {held.id}: the lease of fence 1 ran out while we held it"):
        keeper.still_mine(held)


def test_what_raised_inside_is_held_no_more(keeper: Keeper, held: Held) -> None:
    with pytest.raises(ZeroDivisionError), keeper.holding(held, time.monotonic()):
        raise ZeroDivisionError
    assert keeper.held_count() == 0


def test_a_renewal_counts_from_when_it_was_asked_for(
    engine: Engine, keeper: Keeper, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a database that takes longer for a renewal than a lease lasts
    clock = time.monotonic
    with keeper.holding(held, clock()):
        real, late = leases.renew, [0.0]

        def slow(*about: object, **more: bool) -> None:
            real(*about, **more)  # type: ignore[arg-type]
            late[0] = LEASE_S

        monkeypatch.setattr(leases, "renew", slow)
        monkeypatch.setattr(time, "monotonic", lambda: clock() + late[0])
        keeper._renew(held)
        # Then the lease may have passed on already
        with pytest.raises(LostLease):
            keeper.still_mine(held)


def test_a_renewal_that_failed_is_in_the_log_with_its_error(
    engine: Engine, keeper: Keeper, held: Held, caplog: pytest.LogCaptureFixture
) -> None:
    with writing(engine) as db:
        db.execute(text("ALTER TABLE tieback_runs RENAME TO away"))
    keeper._renew(held)
    (line,) = [one for one in caplog.records if one.name == "tieback.keeper"]
    assert line.getMessage() == "lease.not_renewed"
    assert line.tieback["id"] == held.id  # type: ignore[attr-defined]
    assert "tieback_runs" in line.tieback["error"]  # type: ignore[attr-defined]
    assert len(line.tieback["error"]) <= 200  # type: ignore[attr-defined]


def test_a_keeper_that_stopped_leaves_no_thread(engine: Engine) -> None:
    one = Keeper(engine)
    assert [thread.daemon for thread in threading.enumerate() if thread.name == "keeper"] == [True]
    one.stop()
    assert [thread for thread in threading.enumerate() if thread.name == "keeper"] == []


def test_a_renewal_that_hangs_does_not_hold_up_the_end(engine: Engine, held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keepers, "RENEW_S", 0.02)
    hangs, goes_on = threading.Event(), threading.Event()

    def hang(*about: object, **more: object) -> None:
        hangs.set()
        goes_on.wait(30)

    monkeypatch.setattr(leases, "renew", hang)
    one = Keeper(engine)
    with one.holding(held, time.monotonic()):
        assert hangs.wait(60)
        one.stop()
        assert one._thread.is_alive()
    goes_on.set()
    one._thread.join()
