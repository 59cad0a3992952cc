"""What deploy/compose.yaml starts, started as it says there: same entry point, commands, environment, secrets and health checks.

Only where things are differs (paths, ports, hosts), since the machine of a test is no container.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import services
from tests.house.deployed import DEPLOY, compose, entrypoint, image_env
from tests.services import free_port, wait_until

pytestmark = pytest.mark.services
PATIENCE_S = 240


@contextmanager
def redis(folder: Path) -> Iterator[int]:
    """The broker with deploy/redis.conf and the users of deploy/make-secrets."""
    port = free_port()
    here = ["--bind", "127.0.0.1", "--port", str(port), "--aclfile", str(folder / "secrets/redis_acl")]
    started = subprocess.Popen(
        [services.program("redis-server"), str(DEPLOY / "redis.conf"), *here], cwd=folder, stdout=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: services.answers(port), 20, "Redis")
        yield port
    finally:
        started.kill()
        started.wait()


@dataclass
class Installation:
    folder: Path
    env: dict[str, str]

    def run(self, service: str) -> subprocess.Popen[bytes]:
        words = [*entrypoint(), *compose()["services"][service]["command"]]
        with (self.folder / f"{service}.log").open("wb") as log:
            return subprocess.Popen(words, cwd=self.folder, env=self.env, stdout=log, stderr=log)

    def well(self, service: str) -> bool:
        kind, *words = compose()["services"][service]["healthcheck"]["test"]
        assert kind == "CMD"
        return subprocess.run(words, cwd=self.folder, env=self.env, capture_output=True).returncode == 0

    def said(self, service: str) -> str:
        return (self.folder / f"{service}.log").read_text("utf-8")

    def answer(self, setting: str, path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://{self.env[setting]}{path}", timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code


@pytest.fixture
def installation(tmp_path: Path, fresh_database: str) -> Iterator[Installation]:
    shutil.copy(DEPLOY / "make-secrets", tmp_path)
    subprocess.run([tmp_path / "make-secrets"], check=True, stdout=subprocess.DEVNULL)
    (tmp_path / "site").mkdir()
    with redis(tmp_path) as port:
        # The database of the tests asks for no password, so ours stands in the file and is sent all the same.
        password = (tmp_path / "secrets/database_password").read_text()
        _put(tmp_path / "secrets/database_url", fresh_database.replace("tieback@", f"tieback:{password}@"))
        broker = (tmp_path / "secrets/broker_url").read_text().replace("@redis:6379", f"@127.0.0.1:{port}")
        _put(tmp_path / "secrets/broker_url", broker)
        yield Installation(tmp_path, _environment(tmp_path))


def _put(path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text)


def _environment(folder: Path) -> dict[str, str]:
    """The image's and the compose file's, with this machine's places."""
    given = image_env() | compose()["x-tieback"]["environment"]
    given = {name: value.replace("/run/secrets", str(folder / "secrets")) for name, value in given.items()}
    return given | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "TIEBACK_SITE": str(folder / "site"),
        "TIEBACK_FILES_ROOT": str(folder / "files"),
        "TIEBACK_PUBLIC_URL": "https://tieback.example.com",
        "TIEBACK_LOG_LEVEL": "INFO",
        "TIEBACK_BIND": f"127.0.0.1:{free_port()}",
        "TIEBACK_CONSOLE_BIND": f"127.0.0.1:{free_port()}",
    }


@pytest.mark.timeout(900)
def test_the_services_start_are_well_and_end_as_the_file_says(installation: Installation) -> None:
    # Given a database that was migrated once
    assert installation.run("migrate").wait(timeout=PATIENCE_S) == 0, installation.said("migrate")
    roles = ("relay", "worker", "web", "console")
    started = {role: installation.run(role) for role in roles}
    try:
        # When everything has started, each health check of the file says so, and the whole is ready
        for role in roles:
            wait_until(lambda role=role: installation.well(role), PATIENCE_S, f"{role}\n{installation.said(role)}")  # type: ignore[misc]
        wait_until(lambda: installation.answer("TIEBACK_BIND", "/readyz") == 200, PATIENCE_S, "readiness")
        assert installation.answer("TIEBACK_CONSOLE_BIND", "/healthz") == 200
        assert installation.answer("TIEBACK_BIND", "/metrics") == 404
    finally:
        # Then a SIGTERM to the first process ends each of them well
        for process in started.values():
            process.send_signal(signal.SIGTERM)
        codes = {role: process.wait(timeout=60) for role, process in started.items()}
    assert codes == dict.fromkeys(roles, 0)
    # And Redis let our user do what it must, nobody wrote a file that others may read, and no secret was told
    logs = "".join(installation.said(role) for role in roles)
    assert "broker.silent" not in logs
    assert "NoPermission" not in logs
    written = [path for path in installation.folder.glob("var/**/*") if path.is_file()]
    assert [path for path in written if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
    for name in ("database_password", "redis_password", "secret_keys"):
        assert (installation.folder / "secrets" / name).read_text() not in logs


def test_nobody_without_a_password_and_no_command_that_could_harm_is_served(tmp_path: Path) -> None:
    from redis import Redis
    from redis.exceptions import AuthenticationError, NoPermissionError

    shutil.copy(DEPLOY / "make-secrets", tmp_path)
    subprocess.run([tmp_path / "make-secrets"], check=True, stdout=subprocess.DEVNULL)
    password = (tmp_path / "secrets/redis_password").read_text()
    with redis(tmp_path) as port:
        with Redis(port=port) as stranger, pytest.raises(AuthenticationError):
            stranger.ping()
        with Redis(port=port, username="tieback", password=password) as ours:
            assert ours.set("tieback:quota:acme", "1")
            for words in (["FLUSHALL"], ["CONFIG", "SET", "dir", "/"], ["SHUTDOWN"], ["SET", "elsewhere", "1"], ["ACL", "LIST"]):
                with pytest.raises(NoPermissionError):
                    ours.execute_command(*words)
            assert ours.execute_command("INFO", "memory")["maxmemory_policy"] == "noeviction"
