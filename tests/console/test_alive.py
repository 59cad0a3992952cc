"""What a container's health check sees."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.settings import Settings
from store import beats, migrate
from store.session import open_engine, writing
from tests.conftest import KEY
from tests.services import free_port
from tests.webhook.conftest import door as door
from tests.webhook.door import Door


@dataclass
class Host:
    """An installation, and the health check run in it as a program of its own."""

    folder: Path

    def seen(self, *words: str, **env: str) -> tuple[int, str]:
        whole = {"PATH": os.environ["PATH"], "TIEBACK_SECRET_KEYS": KEY, "TIEBACK_SITE": str(self.folder), **env}
        done = subprocess.run(
            [sys.executable, "-m", "console.alive", *words], cwd=self.folder, env=whole, capture_output=True, text=True
        )
        return done.returncode, done.stderr.strip()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def beat(settings: Settings, role: str, name: str) -> None:
    engine = open_engine(settings)
    migrate.upgrade(engine)
    with writing(engine) as db:
        beats.beat(db, f"{role}:{name}:1:abc", role)
    engine.dispose()


def test_a_door_that_answers_is_alive(door: Door, host: Host) -> None:
    port = door.address[1]
    assert host.seen("web", TIEBACK_BIND=f"0.0.0.0:{port}") == (0, "web: alive")


def test_a_door_that_does_not_answer_is_not(host: Host) -> None:
    code, said = host.seen("web", TIEBACK_BIND=f"127.0.0.1:{free_port()}")
    assert (code, said.startswith("web: 127.0.0.1:")) == (1, True)


def test_what_takes_connections_and_says_nothing_is_no_console(host: Host) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        code, said = host.seen("console", TIEBACK_CONSOLE_BIND=f"127.0.0.1:{other.getsockname()[1]}")
    assert code == 1
    assert "does not answer (timed out)" in said


def test_a_worker_is_alive_by_the_sign_of_life_of_this_host_alone(settings: Settings, host: Host) -> None:
    env = {"TIEBACK_DATABASE_URL": settings.database_url.replace("+psycopg", "")}
    beat(settings, "worker", "elsewhere")
    beat(settings, "relay", socket.gethostname())
    assert host.seen("worker", **env) == (1, f"worker: no sign of life from {socket.gethostname()}")
    beat(settings, "worker", socket.gethostname())
    assert host.seen("worker", **env) == (0, "worker: alive")


@pytest.mark.parametrize("words", [(), ("everything",), ("web", "console")])
def test_who_asks_wrongly_is_told_how(words: tuple[str, ...], host: Host) -> None:
    assert host.seen(*words) == (2, "say which: python -m console.alive web|console|worker|relay")
