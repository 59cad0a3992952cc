"""`tieback worker` beside PostgreSQL and Redis: a worker that was told to end does, and is not started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import load
from console.verbs import working
from console.verbs.at_hand import AtHand
from store.session import open_engine
from tests import services
from tests.conftest import KEY
from tests.console.conftest import processes_of, wait_until

pytestmark = pytest.mark.services


@pytest.fixture
def env(tmp_path: Path, clean_env: dict[str, str], fresh_database: str, redis_server: services.Server) -> dict[str, str]:
    (tmp_path / "site").mkdir()
    places = {"TIEBACK_DATABASE_URL": fresh_database, "TIEBACK_BROKER_URL": redis_server.url, "TIEBACK_SITE": f"{tmp_path}/site"}
    return {**clean_env, **places, "TIEBACK_SECRET_KEYS": KEY}


@pytest.fixture
def two_workers(tmp_path: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with (tmp_path / "log").open("wb") as log:
        words = [sys.executable, "-m", "console.cli", "worker", "--processes", "2"]
        process = subprocess.Popen(words, cwd=tmp_path, env=env, stdout=log, stderr=log)
    yield process
    for pid in processes_of(tmp_path):
        os.kill(pid, signal.SIGKILL)
    process.wait()


def test_workers_that_run_empty_end_one_by_one_and_their_supervisor_with_the_last(
    two_workers: subprocess.Popen[bytes], tmp_path: Path, env: dict[str, str]
) -> None:
    settings = load(env, tmp_path)
    engine = open_engine(settings, pool_size=1)
    here = AtHand(settings, engine, "cli:ana")

    def names() -> list[str]:
        return [one["name"] for one in working.workers(here) if one["alive"]]

    wait_until(lambda: two_workers.poll() is not None or len(processes_of(tmp_path)) == 3, 30, "two workers")
    wait_until(lambda: _tables(here) and len(names()) == 2, 60, "their signs of life")
    first, second = names()
    working.drain(here, first, "more memory", ends=True)
    wait_until(lambda: names() == [second], 30, "the first to end")
    wait_until(lambda: len(processes_of(tmp_path)) == 2, 30, "its process to be gone")
    assert two_workers.poll() is None
    working.drain(here, second, "more memory", ends=True)
    assert two_workers.wait(30) == 0
    engine.dispose()


def _tables(here: AtHand) -> bool:
    from store import migrate

    return migrate.current(here.engine) == migrate.head()
