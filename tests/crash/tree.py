"""The real thing in processes of its own: simulator, `tieback up` or the Procfile's processes, and the command line."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.conftest import KEY
from tests.crash.sweep import Far, simulator
from tests.services import free_port, wait_until
from tests.workers.rig import write_site

ROOT = Path(__file__).parents[2]


class Tree:
    """Processes started here and their descendants, with a site that keeps RFIs and tells the far end of each."""

    def __init__(self, folder: Path, far: Far, env: Mapping[str, str]):
        self.folder, self.far = folder, far
        self.port = free_port()
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TIEBACK_")},
            "PYTHONPATH": str(ROOT),
            "TIEBACK_SITE": str(folder / "site"),
            "TIEBACK_SECRET_KEYS": KEY,
            "TIEBACK_BIND": f"127.0.0.1:{self.port}",
            "TIEBACK_PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            **env,
        }
        self._started: list[subprocess.Popen[bytes]] = []
        self._log = (folder / "log").open("wb")

    def start(self, *command: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """`env` is beside the tree's own."""
        words = [sys.executable, "-m", "console.cli", *command]
        process = subprocess.Popen(words, cwd=self.folder, env={**self.env, **(env or {})}, stdout=self._log, stderr=self._log)
        self._started.append(process)
        return process

    def cli(self, *command: str) -> Any:
        """The answer of a command, as JSON when it was asked for."""
        done = subprocess.run(
            [sys.executable, "-m", "console.cli", *command],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{command}: {done.stderr[-2000:]}"
        return json.loads(done.stdout) if "--json" in command else done.stdout

    def ready(self) -> bool:
        return requests.get(f"http://127.0.0.1:{self.port}/readyz", timeout=2).status_code == 200

    def wait_ready(self, seconds: float = 60) -> None:
        try:
            wait_until(self.ready, seconds, "tieback")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()}") from None

    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")[-6000:]

    def pids(self) -> list[int]:
        """Everything of ours that runs, supervisors first; found by the site in its environment, orphans too."""
        mine = f"TIEBACK_SITE={self.folder / 'site'}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (
                    mine in (entry / "environ").read_bytes().split(b"\0")
                    and (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
                ):
                    found.append(int(entry.name))
        return sorted(found)

    def command_of(self, pid: int) -> str:
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        return ""

    def supervisor(self) -> int:
        return next(pid for pid in self.pids() if "console.cli up" in self.command_of(pid))

    def child(self) -> int:
        return next(pid for pid in self.pids() if "console.child" in self.command_of(pid))

    def change(self, count: int, **what: Any) -> list[str]:
        body = {"resource": "RFIs", "verb": "update", "project_id": self.far.project_id, "count": count, **what}
        answer = requests.post(f"{self.far.url}/_sim/change", json=body, timeout=60)
        answer.raise_for_status()
        return [str(id) for id in answer.json()["ids"]]

    def stop(self) -> None:
        for process in self._started:
            process.terminate()
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 40
        while self.pids() and time.monotonic() < deadline:
            time.sleep(0.1)
            for process in self._started:
                process.poll()
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self._started:
            process.wait(timeout=10)
        self._log.close()


@contextmanager
def tree(folder: Path, *, env: Mapping[str, str] | None = None, **automations: str) -> Iterator[Tree]:
    with simulator() as far:
        site = type("Site", (), {"site": folder / "site"})
        write_site(site, far, **automations)  # type: ignore[arg-type]
        one = Tree(folder, far, env or {})
        try:
            yield one
        finally:
            one.stop()


def eventually(found: Callable[[], Any], expected: Any, seconds: float) -> Any:
    """Wait until `found()` is `expected`; the last value seen otherwise."""
    deadline = time.monotonic() + seconds
    while (seen := found()) != expected and time.monotonic() < deadline:
        time.sleep(0.2)
    return seen
