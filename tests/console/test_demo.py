"""The demonstration, as `make demo` and `make up` run it."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from config.errors import ConfigError
from console.demo.stage import DemoFailed, Stage
from tests.console.conftest import Tieback, processes_of, wait_until
from tests.services import free_port


@pytest.mark.timeout(300)
def test_it_shows_rows_stays_until_told_and_works_again(tmp_path: Path, clean_env: dict[str, str]) -> None:
    ports = ["--port", str(free_port()), "--sim-port", str(free_port())]
    command = [sys.executable, "-m", "console.cli", "demo", *ports]
    # When it is told to stay
    log = tmp_path / "log"
    with log.open("wb") as out:
        staying = subprocess.Popen([*command, "--stay"], cwd=tmp_path, env=clean_env, stdout=out, stderr=out)
    try:
        wait_until(lambda: "staying up" in log.read_text() or staying.poll() is not None, 200, "the demonstration")
        # Then the rows of all three tables are there, with the runs that wrote them
        shown = log.read_text()
        for part in (
            "in the table rfis after",
            "in the table submittals after",
            "in the table punch_items after",
            "quality-to-database",
        ):
            assert part in shown, shown
        # And a second one in the same folder is refused while it stays
        again = subprocess.run(command, cwd=tmp_path, env=clean_env, capture_output=True, text=True, check=False)
        assert (again.returncode, "another demonstration is running" in again.stderr) == (2, True)
        # When it is told to end, all that it started ends
        staying.send_signal(signal.SIGINT)
        assert staying.wait(60) == 0, log.read_text()
        assert processes_of(tmp_path) == []
    finally:
        for pid in processes_of(tmp_path):
            os.kill(pid, signal.SIGKILL)
        staying.wait()
    # And a second run, without staying, works as well
    second = subprocess.run(command, cwd=tmp_path, env=clean_env, capture_output=True, text=True, check=False)
    assert second.returncode == 0, second.stdout + second.stderr
    assert "runs show 1" in second.stdout
    assert processes_of(tmp_path) == []


@pytest.mark.parametrize(("option", "name"), [("--port", "PORT"), ("--sim-port", "SIM_PORT")])
def test_a_port_that_is_taken_is_named(tieback: Tieback, tmp_path: Path, option: str, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = {"--port": str(free_port()), "--sim-port": str(free_port()), option: str(taken.getsockname()[1])}
        said = tieback("demo", *(word for pair in ports.items() for word in pair))
    assert said.code == 2
    assert f"make demo {name}=" in said.sentence()
    assert not (tmp_path / "var/demo").exists()


def test_a_folder_of_somebody_else_is_not_wiped(tieback: Tieback, tmp_path: Path) -> None:
    (tmp_path / "var/demo").mkdir(parents=True)
    (tmp_path / "var/demo/thesis.txt").write_text("x")
    said = tieback("demo", "--port", str(free_port()), "--sim-port", str(free_port()))
    assert said.code == 2
    assert "was not made by the demonstration" in said.sentence()
    assert (tmp_path / "var/demo/thesis.txt").read_text() == "x"


def test_what_failed_is_told_with_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean_env: dict[str, str]
) -> None:
    # Given a stage on which a program ends by itself
    stage = Stage(tmp_path / "demo", free_port(), free_port())
    stage.prepare()
    stage.env.update(clean_env)
    child = stage.start("simulator", "simulator", "--no-such-option")
    # When it is waited for
    with pytest.raises(DemoFailed, match=r"simulator ended by itself[\s\S]*no-such-option"):
        stage.wait(child, stage.sim_port, "/_sim/state")
    stage.end()


def test_one_demonstration_at_a_time(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "demo", free_port(), free_port())
    with (tmp_path / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="another demonstration is running"), stage.alone():
            pass
