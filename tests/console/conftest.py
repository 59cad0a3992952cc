"""The command line as people meet it: a process of its own in a folder of its own, and a pretend Procore."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from simulator.app import serve

ROOT = Path(__file__).parents[2]
LONGEST_S = 60


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)

    def sentence(self) -> str:
        """The one line on stderr; fails when there are more, or a trace."""
        assert "Traceback" not in self.err
        lines = self.err.strip().splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("tieback: ")
        return lines[0]


Tieback = Callable[..., Said]


@pytest.fixture(scope="session")
def clean_env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment without settings of ours; bytecode is kept in one place for all the processes of the tests."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("TIEBACK_", "PYTEST_"))}
    if env.pop("PYTHONDONTWRITEBYTECODE", None):
        base = tmp_path_factory.getbasetemp()
        shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
        env["PYTHONPYCACHEPREFIX"] = str(shared / "bytecode")
    return {**env, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def tieback(tmp_path: Path, clean_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Tieback]:
    """Run one command in `tmp_path` without a process of its own: `tieback("runs", "list", TIEBACK_SITE="…")`."""
    from console.cli import main

    def run(*words: str, input: str | None = None, **settings: str) -> Said:
        out, err = io.StringIO(), io.StringIO()
        with monkeypatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(tmp_path)
            patch.setattr(sys, "stdin", io.StringIO(input or ""))
            for name in set(os.environ) - set(clean_env):
                patch.delenv(name)
            for name, value in settings.items():
                patch.setenv(name, value)
            code = main(words)
        return Said(code, out.getvalue(), err.getvalue())

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield run
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def program(tmp_path: Path, clean_env: dict[str, str]) -> Tieback:
    """The same as a process of its own, as people run it."""

    def run(*words: str, input: str | None = None, **settings: str) -> Said:
        command = [sys.executable, "-m", "console.cli", *words]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**clean_env, "PYTHONWARNINGS": "error", **settings},
            input=input or "",
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    return run


@dataclass(frozen=True)
class Pretend:
    """A simulator with what a person would copy from the developer portal."""

    url: str
    client_id: str
    secret: str
    company_id: str
    world: Any

    def words(self, name: str, secret_file: Path, **other: str) -> list[str]:
        """The words of a complete `connector add`."""
        given = {"name": name, "environment": "custom", "api-host": self.url, "login-host": self.url, "client-id": self.client_id,
                 "client-secret-file": str(secret_file), "company": self.company_id, **other}  # fmt: skip
        return ["connector", "add", *(word for key, value in given.items() for word in (f"--{key}", value))]


def pretend(seed: int) -> Iterator[Pretend]:
    # Many tests share it, and none of them is about the quota.
    with serve(port=0, seed=seed, spike=100_000, hourly=1_000_000) as running:
        tokens = running.world.tokens
        yield Pretend(running.url, tokens.client_id, tokens.client_secret, str(running.company_id), running.world)


@pytest.fixture(scope="session")
def procore() -> Iterator[Pretend]:
    yield from pretend(7)


@pytest.fixture(scope="session")
def other_procore() -> Iterator[Pretend]:
    """Another environment: it knows nothing of the first one's credentials."""
    yield from pretend(8)


@pytest.fixture
def secret_file(tmp_path: Path, procore: Pretend) -> Path:
    path = tmp_path / "secret"
    path.write_text(procore.secret)
    path.chmod(0o600)
    return path


def wait_until(true: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(0.05)


def processes_of(folder: Path) -> list[int]:
    """Processes whose working directory is this folder or lies below it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            at = (entry / "cwd").resolve()
        except OSError:
            continue
        if at.is_relative_to(folder) and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found
