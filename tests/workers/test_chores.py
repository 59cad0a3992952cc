"""What timers do: a failure is kept with its timer and tried again, and no surprise ends a timer for good."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from config.errors import Permanent
from config.settings import Settings
from store import timers
from store.session import writing
from tests.workers.rig import Rig
from workers import chores


@pytest.fixture
def rig(engine: Engine, settings: Settings) -> Iterator[Rig]:
    one = Rig(engine, settings)
    yield one
    one.close()


def run(rig: Rig, kind: str) -> dict[str, Any]:
    with writing(rig.engine) as db:
        timers.arm(db, kind, "acme", in_s=-1, every_s=60)
    (row,) = rig.rows("SELECT id FROM tieback_timers")
    chores.run(rig.desk, row["id"])
    return rig.rows("SELECT state, error, attempt FROM tieback_timers")[0]


@pytest.mark.parametrize(
    ("error", "said"), [(Permanent("it is locked", kind="x"), "it is locked"), (RuntimeError("odd"), "RuntimeError: odd")]
)
def test_a_chore_that_fails_says_so_and_waits_for_its_next_time(rig: Rig, error: Exception, said: str) -> None:
    def breaks(desk: Any, subject: str) -> None:
        raise error

    chores.CHORES["odd"] = breaks
    try:
        assert run(rig, "odd") == {"state": "waiting", "error": said, "attempt": 0}
    finally:
        del chores.CHORES["odd"]


def test_a_chore_of_another_version_of_tieback_is_left_with_a_message(rig: Rig) -> None:
    assert run(rig, "from the future")["error"] == "KeyError: 'from the future'"


@pytest.mark.parametrize("kind", ["hooks", "validate"])
def test_a_chore_for_a_connector_that_is_gone_does_nothing(rig: Rig, kind: str) -> None:
    assert run(rig, kind) == {"state": "waiting", "error": None, "attempt": 0}


def test_a_timer_that_is_not_due_is_left_alone(rig: Rig) -> None:
    with writing(rig.engine) as db:
        timers.arm(db, "validate", "acme", in_s=60, every_s=60)
    chores.run(rig.desk, 1)
    assert rig.rows("SELECT state, fence FROM tieback_timers") == [{"state": "waiting", "fence": 0}]
