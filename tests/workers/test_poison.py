"""What ends its worker each time is put aside with the cause; what merely waits for a worker never is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from config.settings import Settings
from store import deliveries
from store.session import writing
from tests.workers.rig import Rig


@pytest.fixture
def desk(engine: Engine, settings: Settings) -> Iterator[Rig]:
    one = Rig(engine, settings)
    one.load_site()
    yield one
    one.close()


def test_a_delivery_that_waits_for_a_worker_is_rung_for_as_long_as_it_takes(desk: Rig) -> None:
    desk.deliver({"id": "a"})
    for _ in range(50):
        desk.relay.look()
    assert desk.rows("SELECT state FROM tieback_deliveries") == [{"state": "received"}]
    desk.bell.rung = desk.bell.rung[-1:]
    desk.work()
    assert desk.rows("SELECT state FROM tieback_deliveries") == [{"state": "quarantined"}]
    assert "missing" in desk.rows("SELECT reason FROM tieback_deliveries")[0]["reason"]


def test_a_delivery_that_ends_its_worker_is_put_aside(desk: Rig) -> None:
    (id,) = desk.deliver({"id": "a"})
    # Given a body that has ended a worker once, and then each one that tried it again
    tries = []
    for _ in range(deliveries.MOST_TRIES + 1):
        desk.relay.look()
        with writing(desk.engine) as db:
            tries.append(deliveries.count_try(db, id))
    assert tries == [True] * deliveries.MOST_TRIES + [False]
    assert desk.rows("SELECT state, reason FROM tieback_deliveries") == [
        {"state": "quarantined", "reason": "put aside: sorting it ended the worker 5 times"}
    ]
