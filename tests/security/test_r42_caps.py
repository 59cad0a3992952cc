"""R42: how much one automation can break is limited, whatever it was written to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from config.settings import Settings
from simulator.app import serve
from tests.workers.rig import payload, rig

PURGE = """
    format: 1
    id: purge
    stage: live
    vars: {ids: [IDS]}
    when:
      - webhook: {connector: acme, resource: RFIs, actions: [update]}
    do:
      - id: gone
        foreach: vars.ids
        use: http.call
        with: {to: http:sink, method: DELETE, path: "/records/${item}"}
        on_error: continue
"""


@pytest.fixture
def far() -> Iterator[Any]:
    with serve(seed=7, spike=100_000, hourly=1_000_000) as running:
        yield running


def test_a_rule_that_would_delete_thousands_stops_at_its_cap(engine: Engine, settings: Settings, far: Any) -> None:
    # Given a rule without limits of its own that deletes a hundred records for each event
    rule = PURGE.replace("IDS", ", ".join(f'"r{number}"' for number in range(100)))
    with rig(engine, settings, far, purge=rule) as desk:
        # When three events come
        (first,) = [one.id for one in far.world.shelves.of("RFIs", far.project_id) if one.live][:1]
        for number in range(3):
            desk.deliver(payload(far, first, key=f"01J{number}"))
            desk.settle()
        # Then 25 were deleted in all, and the others are held back by name
        assert len(desk.rows("SELECT id FROM tieback_effects")) == 25
        held = desk.rows("SELECT sum(wanted - granted) AS n FROM tieback_spent")[0]["n"]
        assert held >= 75
        assert "held back" in str(desk.rows("SELECT * FROM tieback_steps WHERE path LIKE 'gone%' AND state = 'failed'"))
