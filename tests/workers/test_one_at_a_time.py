"""Whoever reads opens no second transaction beside it: on SQLite a writer may stand between the two, and all three wait."""

from __future__ import annotations

import threading
import traceback
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from config.settings import Settings
from simulator.app import serve
from tests.workers.rig import Rig, payload, rig, write_site
from tests.workers.test_path import KEEP_RFIS, TELL_ERP, change
from workers import alerting, sorting

GATHER = KEEP_RFIS.replace("keep-rfis", "gather-rfis").replace(
    "    do:\n", "    flow:\n      coalesce: {key: event.resource_id, quiet: 1s}\n    do:\n", 1
)
RULES = {"keep": KEEP_RFIS, "tell": TELL_ERP, "gather": GATHER}


class Watch:
    """Notes where a thread begins a transaction while it has a reading one open."""

    def __init__(self, engine: Engine):
        self.nested: list[str] = []
        self._open: dict[int, list[bool]] = defaultdict(list)
        event.listen(engine, "begin", self._began)
        for ending in ("commit", "rollback"):
            event.listen(engine, ending, self._ended)

    def _began(self, connection: Connection) -> None:
        mine = self._open[threading.get_ident()]
        if any(mine):
            here = [
                f"{one.filename.rpartition('/')[2]}:{one.lineno}"
                for one in traceback.extract_stack()
                if "/workers/" in one.filename
            ]
            self.nested.append(" > ".join(here[-4:]))
        mine.append(bool(connection.get_execution_options().get("tieback_reading")))

    def _ended(self, _connection: Connection) -> None:
        mine = self._open[threading.get_ident()]
        if mine:
            mine.pop()


@pytest.fixture
def simulator() -> Iterator[Any]:
    with serve(seed=7, spike=100_000, hourly=1_000_000) as running:
        yield running


def test_no_piece_of_work_opens_a_second_transaction_while_it_reads(engine: Engine, settings: Settings, simulator: Any) -> None:
    with rig(engine, settings, simulator, **RULES) as one:
        # Given events that are sorted when the automations are edited, and a worker that has loaded nothing yet
        for number in range(4):
            for id in one.deliver(payload(simulator, change(simulator), key=f"{number:026d}")):
                sorting.sort(one.desk, id)
        edited = {name: text + "    # edited\n" for name, text in RULES.items()}
        write_site(settings, simulator, **edited)
        assert one.load_site() == []
        fresh = Rig(engine, settings)
        fresh.desk = replace(fresh.desk, settle_s=0.01)
        watch = Watch(engine)
        # When it does what it was rung for, and then all that waits
        fresh.bell.rung += [ring for ring in one.bell.rung if ring[0] != "sort"]
        fresh.work()
        fresh.settle()
        fresh.close()
        # Then nobody read and began something else meanwhile
        assert watch.nested == []
        assert {run["state"] for run in one.runs()} <= {"ok", "skipped"}


def test_who_looks_for_troubles_reads_no_quota_in_the_middle_of_another_look(
    engine: Engine, settings: Settings, simulator: Any
) -> None:
    """A writer came between the two, and with SQLite everything stood still for half a minute."""
    with rig(engine, settings, simulator, **RULES) as one:
        watch = Watch(engine)
        alerting.look(one.desk, "site")
        assert watch.nested == []
