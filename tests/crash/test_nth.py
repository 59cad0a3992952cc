"""One error of the database at any statement, or one cut at any byte of a link: no event is lost, no effect is made twice.

A sample, as in `test_every_line.py`.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from sqlalchemy import Engine

from config.settings import Settings
from store.session import open_engine
from tests.crash.cutter import Cutter, cutter
from tests.crash.sweep import Far, Sweep, in_child, simulator
from tests.crash.test_every_line import STRIDE, as_if_nothing_had_happened, sample, swept
from tests.workers.rig import Rig

__all__ = ["swept"]
pytestmark = pytest.mark.timeout(3000)

BYTES = 600 if STRIDE == 1 else 360  # places of a link, of which a sample is tried


@pytest.fixture(scope="module")
def far() -> Iterator[Far]:
    with simulator() as running:
        yield running


@pytest.fixture(scope="module")
def record_id(far: Far) -> str:
    body = {"resource": "RFIs", "verb": "update", "project_id": far.project_id}
    return str(requests.post(f"{far.url}/_sim/change", json=body, timeout=10).json()["ids"][0])


class Failing:
    """Counts what an engine asks of its database, and lets the nth of it fail; `how` is busy or cut."""

    def __init__(self, engine: Engine, nth: int | None = None, how: str = "busy"):
        self.count, self._nth, self._how, self._begun = 0, nth, how, False
        self._dialect, self._counting = engine.dialect, threading.Lock()
        for name in ("do_execute", "do_execute_no_params", "do_executemany", "do_commit"):
            setattr(self._dialect, name, self._wrapped(name, getattr(self._dialect, name)))

    def begin(self) -> None:
        self._begun = True

    def remove(self) -> None:
        for name in ("do_execute", "do_execute_no_params", "do_executemany", "do_commit"):
            delattr(self._dialect, name)

    def _wrapped(self, name: str, real: Any) -> Any:
        def asked(first: Any, *others: Any, **named: Any) -> Any:
            with self._counting:
                self.count += self._begun
                fails = self._begun and self.count == self._nth
            if not fails:
                return real(first, *others, **named)
            if self._how == "cut" and name == "do_commit":
                real(first, *others, **named)  # it took place, and nobody is told
            self._fail(first if name == "do_commit" else first.connection)

        return asked

    def _fail(self, connection: Any) -> None:
        if self._dialect.name == "sqlite":
            raise sqlite3.OperationalError("database is locked")
        if self._how == "busy":
            raise psycopg.errors.SerializationFailure("could not serialize access")
        (getattr(connection, "driver_connection", None) or connection).close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")


class ErrorSweep(Sweep):
    """The path with the nth statement failing; nothing crashes, and nothing but the relay comes afterwards."""

    def statements(self) -> int:
        self.lines()
        self.fresh_trial()
        counting = Failing(self.engine)
        self._go("counting", lambda: None, counting.begin)
        counting.remove()
        self.engine.dispose()
        return counting.count

    def fail_at(self, nth: int, how: str) -> dict[str, Any]:
        key = f"{self.id} {how} {nth}"

        def failing(answered: Any) -> None:
            self._go(key, answered, Failing(self.engine, nth, how).begin)

        return self._through(key, failing)

    def _through(self, key: str, travel: Any) -> dict[str, Any]:
        self.fresh_trial()
        with tempfile.TemporaryDirectory(prefix="tieback-sweep-") as folder:
            answered, outcome = Path(folder) / "answered", Path(folder) / "outcome"
            assert in_child(lambda: travel(answered.touch)) == 0, f"{key}: the child did not end as it should"
            assert in_child(lambda: self._recover(key, answered.exists(), outcome)) == 0, f"{key}: recovery failed"
            found: dict[str, Any] = json.loads(outcome.read_text())
            return found

    def _go(self, key: str, answered: Any, ready: Any = lambda: None) -> None:
        one = Rig(self.engine, self.trial_settings)
        if self._post(one, key, ready) == 204:
            answered()
        one.work()
        one.close()


class CutSweep(ErrorSweep):
    """The path with its links led through cutters: `far` always, the database's where it has a link."""

    def __init__(self, settings: Settings, far: Far, record_id: str, link: Cutter, of_database: bool):
        super().__init__(settings, far, record_id)
        self._link = link
        if of_database:
            head, _, tail = self.trial_settings.database_url.rpartition(":")
            self.trial_settings = replace(self.trial_settings, database_url=f"{head}:{link.port}/{tail.partition('/')[2]}")
            self.engine = open_engine(self.trial_settings)

    def bytes(self) -> int:
        self.lines()
        self.fresh_trial()
        self._go("counting", lambda: None, lambda: self._link.cut_at(None))
        self.engine.dispose()
        return self._link.passed()

    def cut_at(self, byte: int) -> dict[str, Any]:
        key = f"{self.id} byte {byte}"

        def cut(answered: Any) -> None:
            self._go(key, answered, lambda: self._link.cut_at(byte))
            self._link.cut_at(None)

        return self._through(key, cut)


@pytest.mark.parametrize("how", ["busy", "cut"])
def test_a_database_error_at_any_statement_of_the_path_loses_and_doubles_nothing(
    swept: Settings, far: Far, record_id: str, how: str
) -> None:
    sweep = ErrorSweep(swept, far, record_id)
    sweep.prepare(keyed=True)
    sweep.keep_template()
    count = sweep.statements()
    assert count > 30
    wrong = {}
    for nth in sample(range(1, count + 1), 2):
        found = sweep.fail_at(nth, how)
        if not as_if_nothing_had_happened(found):
            wrong[nth] = found
    assert wrong == {}, json.dumps(wrong)


def cut_everywhere(settings: Settings, far: Far, record_id: str, of_database: bool) -> dict[int, Any]:
    """What was wrong after a cut at which byte of the link."""
    url = settings.database_url if of_database else far.url
    with cutter(int(url.rpartition(":")[2].partition("/")[0])) as link:
        near = far if of_database else Far(f"http://127.0.0.1:{link.port}", far.company_id, far.project_id, far.world)
        sweep = CutSweep(settings, near, record_id, link, of_database)
        sweep.prepare(keyed=True)
        sweep.keep_template()
        count = sweep.bytes()
        assert count > 1000
        found = {byte: sweep.cut_at(byte) for byte in sample(range(0, count, max(1, count // BYTES)))}
        return {byte: seen for byte, seen in found.items() if not as_if_nothing_had_happened(seen)}


def test_the_link_to_the_far_end_cut_at_any_byte_loses_and_doubles_nothing(swept: Settings, far: Far, record_id: str) -> None:
    wrong = cut_everywhere(swept, far, record_id, of_database=False)
    assert wrong == {}, json.dumps(wrong)


@pytest.mark.services
@pytest.mark.parametrize("swept", ["postgresql"], indirect=True)
def test_the_link_to_the_database_cut_at_any_byte_loses_and_doubles_nothing(swept: Settings, far: Far, record_id: str) -> None:
    wrong = cut_everywhere(swept, far, record_id, of_database=True)
    assert wrong == {}, json.dumps(wrong)
