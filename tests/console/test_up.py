"""`tieback up` as a service manager sees it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.demo.stage import answer
from tests.console.conftest import processes_of, wait_until
from tests.services import free_port


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def up(tmp_path: Path, clean_env: dict[str, str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Running and ready, in an empty folder."""
    env = {**clean_env, "TIEBACK_BIND": f"127.0.0.1:{port}"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "console.cli", "up"], cwd=tmp_path, env=env, stdout=log, stderr=log)
    try:
        wait_until(lambda: answer(port, "GET", "/readyz")[0] == 200, 40, "/readyz")
        yield process
    finally:
        for pid in processes_of(tmp_path):
            os.kill(pid, signal.SIGKILL)
        process.wait()


def test_it_ends_with_every_child_when_asked(up: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert len(processes_of(tmp_path)) == 2
    up.terminate()
    assert up.wait(30) == 0
    assert processes_of(tmp_path) == []


def test_a_killed_child_comes_back(up: subprocess.Popen[bytes], tmp_path: Path, port: int) -> None:
    (child,) = set(processes_of(tmp_path)) - {up.pid}
    os.kill(child, signal.SIGKILL)
    wait_until(lambda: len(set(processes_of(tmp_path)) - {up.pid, child}) == 1, 10, "a new child")
    wait_until(lambda: answer(port, "GET", "/readyz")[0] == 200, 40, "/readyz")


def test_a_killed_supervisor_is_replaced_by_its_child(up: subprocess.Popen[bytes], tmp_path: Path, port: int) -> None:
    # Given a supervisor that is gone
    (child,) = set(processes_of(tmp_path)) - {up.pid}
    up.kill()
    up.wait()
    # Then the child takes its place, with the same process id, and has a child of its own
    wait_until(lambda: len(processes_of(tmp_path)) == 2, 30, "a new child")
    assert child in processes_of(tmp_path)
    wait_until(lambda: answer(port, "GET", "/readyz")[0] == 200, 40, "/readyz")
    # And it ends as the first one would
    os.kill(child, signal.SIGTERM)
    wait_until(lambda: processes_of(tmp_path) == [], 30, "the end")
