"""Leases are kept alive while work goes on, and whoever lost one starts no call any more."""

from __future__ import annotations

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
