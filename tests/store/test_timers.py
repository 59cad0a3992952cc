"""Timers: one per kind and subject, never twice at once, and set anew when they were put aside."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from config.errors import LostLease
from store import leases, timers
from store.models import Timer
from store.session import writing
from store.types import now


def row(engine: Engine) -> Any:
    with writing(engine) as db:
        return db.execute(select(Timer.__table__, (Timer.run_after <= now()).label("due"))).one()


def arm(engine: Engine, in_s: float, every_s: int | None = 60) -> int:
    with writing(engine) as db:
        timers.arm(db, "hooks", "acme", in_s=in_s, every_s=every_s)
    return int(row(engine).id)


def claim(engine: Engine) -> tuple[leases.Held, Any]:
    with writing(engine) as db:
        claimed = timers.claim(db, row(engine).id, "w") if db.dialect.name != "sqlite" else timers.claim(db, 1, "w")
    assert claimed is not None
    return claimed


def done(engine: Engine, claimed: tuple[leases.Held, Any], error: str | None = None) -> None:
    with writing(engine) as db:
        timers.done(db, *claimed, error)


def test_a_timer_that_recurs_waits_for_its_next_time(engine: Engine) -> None:
    arm(engine, 0)
    done(engine, claim(engine))
    assert (row(engine).state, row(engine).due) == ("waiting", False)


def test_a_timer_for_once_ends_and_a_failed_one_is_tried_again(engine: Engine) -> None:
    arm(engine, 0, None)
    done(engine, claim(engine), "it broke")
    assert (row(engine).state, row(engine).error) == ("waiting", "it broke")
    arm(engine, 0, None)
    done(engine, claim(engine))
    assert (row(engine).state, row(engine).error) == ("ok", None)


def test_a_timer_armed_while_it_runs_is_not_started_beside_itself_and_runs_again_after(engine: Engine) -> None:
    id = arm(engine, -5)
    claimed = claim(engine)
    arm(engine, -1)
    with writing(engine) as db:
        assert timers.claim(db, id, "other") is None
    done(engine, claimed)
    assert (row(engine).state, row(engine).due) == ("waiting", True)


def test_ensuring_a_timer_leaves_one_that_waits_alone(engine: Engine) -> None:
    arm(engine, 0)
    with writing(engine) as db:
        timers.ensure(db, "hooks", "acme", in_s=3600, every_s=3600)
    assert row(engine).due


@pytest.mark.parametrize("state", ["failed", "ok"])
def test_ensuring_a_timer_that_was_put_aside_or_disarmed_sets_it_anew(engine: Engine, state: str) -> None:
    arm(engine, 0)
    with writing(engine) as db:
        db.execute(update(Timer).values(state=state, run_after=None, lost=6))
        timers.ensure(db, "hooks", "acme", in_s=0, every_s=60)
    assert (row(engine).state, row(engine).due, row(engine).lost) == ("waiting", True, 0)


def test_a_timer_disarmed_while_it_runs_stays_disarmed(engine: Engine) -> None:
    arm(engine, 0)
    claimed = claim(engine)
    with writing(engine) as db:
        timers.disarm(db, "acme")
    with pytest.raises(LostLease):
        done(engine, claimed)
    assert row(engine).state == "ok"
