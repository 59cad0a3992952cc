"""`tieback console` and `tieback up` as processes: who may sign in the first time, and what is served where."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.demo.stage import answer
from tests.console.conftest import processes_of, wait_until
from tests.console.web.served import PASSWORD, Visitor
from tests.services import free_port


@pytest.fixture(params=["console", "up"])
def running(request: pytest.FixtureRequest, tmp_path: Path, clean_env: dict[str, str]) -> Iterator[tuple[str, int, Path]]:
    """A process in an empty folder, with its port and its log."""
    port = free_port()
    setting = "TIEBACK_CONSOLE_BIND" if request.param == "console" else "TIEBACK_BIND"
    env = {**clean_env, setting: f"127.0.0.1:{port}"}
    log = tmp_path / "log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "console.cli", request.param]
        process = subprocess.Popen(command, cwd=tmp_path, env=env, stdout=out, stderr=out)
    try:
        wait_until(lambda: answer(port, "GET", "/healthz")[0] == 200, 60, "/healthz")
        yield request.param, port, log
    finally:
        for pid in processes_of(tmp_path):
            os.kill(pid, signal.SIGKILL)
        process.wait()


def test_whoever_reads_the_terminal_signs_in_first(running: tuple[str, int, Path]) -> None:
    kind, port, log = running
    codes = re.findall(r"within 15 minutes: (\S+)", log.read_text())
    assert len(codes) == 1
    visitor = Visitor(f"http://127.0.0.1:{port}")
    assert visitor.get("/").location == "/first"
    form = visitor.get("/first")
    page = visitor.post("/first", {"form_token": form.token, "code": codes[0], "name": "ana", "password": PASSWORD})
    assert page.location == "/"
    assert "Overview" in visitor.get("/").text
    # The door is where it belongs: beside the console in `up`, not in the console's own process.
    assert (answer(port, "POST", "/webhooks/unknown")[0] == 401) == (kind == "up")
