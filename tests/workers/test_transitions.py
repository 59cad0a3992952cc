"""No transition is missed and none is invented, however events are repeated, late, out of order or gathered.

Through the real path: deliveries, sorting, reading from the simulator, copies pinned in the store, runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import Engine

from config.settings import Settings
from tests.workers.conftest import changed
from tests.workers.rig import Rig, payload, rig

WATCH = """
    format: 1
    id: opened
    stage: live
    when:
      - webhook: {connector: acme, resource: RFIs, actions: [create, update]}
        field: status
        from: [draft]
        to: [open]
    do:
      - use: db.upsert
        with: {table: opened, key: [id], row: {id: "${record.id}", at: "${event.key}"}}
"""
KEYS = (f"{number:026d}" for number in count(1))
CHANGE = st.tuples(st.just("change"), st.sampled_from(["draft", "open", "closed"]))
DELIVER = st.tuples(st.just("deliver"), st.integers(0, 3))  # 0: a new event; n: the nth last once more
WORK = st.tuples(st.just("work"), st.just(0))


@pytest.fixture
def opened(engine: Engine, settings: Settings, far: Any) -> Iterator[Rig]:
    with rig(engine, settings, far, opened=WATCH) as one:
        yield one


@examples(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CHANGE | DELIVER | WORK, max_size=12))
def test_each_move_from_draft_to_open_that_can_be_seen_fires_once(opened: Rig, far: Any, story: list[tuple[str, Any]]) -> None:
    # Given an RFI that we have a copy of
    id, keys = changed(far, status="closed"), [next(KEYS)]
    arrive(opened, far, id, keys[0])
    read(opened)
    world = seen = "closed"
    waiting, wanted = False, 0
    # When it changes, and its events come in any number and order
    for what, value in [*story, ("deliver", 0), ("work", 0)]:
        if what == "change":
            change(far, id, value)
            world = value
        elif what == "deliver":
            keys += [next(KEYS)] if value == 0 else []
            arrive(opened, far, id, keys[-min(max(value, 1), len(keys))])
            waiting = waiting or value == 0
        elif waiting:
            read(opened)
            wanted += (seen, world) == ("draft", "open")
            seen, waiting = world, False
        else:
            read(opened)
    # Then the rule fired once for each move between two copies that were read
    assert fired(opened, id) == wanted


def change(far: Any, id: str, status: str) -> None:
    wish = {"resource": "RFIs", "verb": "update", "project_id": far.project_id, "id": int(id), "fields": {"status": status}}
    requests.post(f"{far.url}/_sim/change", json=wish, timeout=10).raise_for_status()


def arrive(rig: Rig, far: Any, id: str, key: str) -> None:
    rig.deliver(payload(far, id, key=key))


def read(rig: Rig) -> None:
    rig.work()
    rig.settle()


def fired(rig: Rig, id: str) -> int:
    rows = rig.rows(
        "SELECT count(*) AS n FROM tieback_runs r JOIN tieback_events e ON e.id = r.event_id "
        f"WHERE r.state = 'ok' AND e.resource_id = '{int(id)}'"
    )
    return int(rows[0]["n"])
