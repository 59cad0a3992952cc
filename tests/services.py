"""Throw-away PostgreSQL, Redis and RabbitMQ servers on free ports, with their files in a folder that goes away."""

from __future__ import annotations

import contextlib
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg


def free_port() -> int:
    """A port nobody listens on, below those the kernel gives to outgoing connections: a server that is killed and
    started again finds it free."""
    for port in random.SystemRandom().sample(range(10_000, 30_000), 100):
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port
    raise AssertionError("of a hundred ports none is free")


def program(name: str, *places: str) -> str:
    """Where a server program is; the error says what to install. (Debian keeps some out of PATH.)"""
    found: str | None = None
    for place in places:
        matches = sorted(Path("/").glob(place.lstrip("/")))
        found = found or (str(matches[-1]) if matches else None)
    found = found or shutil.which(name)
    assert found, f"{name} is not installed; `make test-services` says what to install"
    return found


def wait_until(ready: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            if ready():
                return
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come up within {seconds} s")


def answers(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=0.5):
        return True


def _accepts(port: int) -> bool:
    try:
        psycopg.connect(host="127.0.0.1", port=port, user="tieback", dbname="postgres", connect_timeout=1).close()
    except psycopg.OperationalError:
        return False
    return True


@dataclass
class Server:
    """A running server. `kill` ends it as a crash would, `start` brings it back with the same files and port."""

    url: str
    port: int
    start: Callable[[], None]
    kill: Callable[[], None]
    pid: Callable[[], int]


@contextmanager
def postgresql(connections: int = 60, env: Mapping[str, str] | None = None, folder: Path | None = None) -> Iterator[Server]:
    """A cluster of its own, fsync on, reached through 127.0.0.1 without a password. The server gets `env` besides ours;
    `folder` is made, and goes away."""
    bin_ = Path(program("pg_ctl", "/usr/lib/postgresql/*/bin/pg_ctl")).parent
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="tieback-pg-"))
    else:
        folder.mkdir(mode=0o700)
    port = free_port()
    user = _unprivileged("postgres")
    if user:
        shutil.chown(folder, user)
    run = {"user": user, "cwd": "/", "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([bin_ / "initdb", "-D", folder / "data", "-A", "trust", "-U", "tieback", "-E", "UTF8"], check=True, **run)  # type: ignore[call-overload]
    held: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        options = [
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            f"unix_socket_directories={folder}",
            "-c",
            f"max_connections={connections}",
        ]
        words = [bin_ / "postgres", "-D", folder / "data", "-p", str(port), *options]
        held.append(subprocess.Popen(words, env={**os.environ, **(env or {})}, **run))  # type: ignore[call-overload]
        wait_until(lambda: _accepts(port), 60, "PostgreSQL")

    def kill() -> None:
        held[-1].send_signal(signal.SIGQUIT)  # immediate: no checkpoint, recovery at the next start
        held[-1].wait(timeout=30)

    try:
        start()
        yield Server(f"postgresql://tieback@127.0.0.1:{port}/postgres", port, start, kill, lambda: held[-1].pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            kill()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def redis_server() -> Iterator[Server]:
    """A Redis that keeps nothing on disk."""
    binary = program("redis-server")
    port = free_port()
    folder = tempfile.mkdtemp(prefix="tieback-redis-")
    held: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        arguments = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder]
        held.append(subprocess.Popen([binary, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        wait_until(lambda: answers(port), 20, "Redis")

    def kill() -> None:
        held[-1].kill()
        held[-1].wait(timeout=10)

    try:
        start()
        yield Server(f"redis://127.0.0.1:{port}/0", port, start, kill, lambda: held[-1].pid)
    finally:
        kill()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def rabbitmq() -> Iterator[Server]:
    """A RabbitMQ node of its own, with its own name server, so that it disturbs no other node of the machine."""
    binary = program("rabbitmq-server", "/usr/lib/rabbitmq/bin/rabbitmq-server", "/usr/sbin/rabbitmq-server")
    port, dist, names = free_port(), free_port(), free_port()
    folder = Path(tempfile.mkdtemp(prefix="tieback-rabbit-"))
    (folder / "enabled_plugins").write_text("[].\n")
    (folder / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\n")
    env = {
        **os.environ,
        "HOME": str(folder),
        "RABBITMQ_NODENAME": f"tieback{port}@localhost",
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_DIST_PORT": str(dist),
        "ERL_EPMD_PORT": str(names),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
    }
    held: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        with (folder / "out").open("ab") as out:
            held.append(subprocess.Popen([binary], env=env, stdout=out, stderr=out, start_new_session=True))
        wait_until(lambda: held[-1].poll() is not None or answers(port), 90, "RabbitMQ")
        assert held[-1].poll() is None, f"RabbitMQ ended at its start: {(folder / 'out').read_text()[-3000:]}"

    def kill() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(held[-1].pid, signal.SIGKILL)
        held[-1].wait(timeout=20)
        # Its leader, a shell, is gone first. A node that is started beside the dying one finds its name taken and ends.
        wait_until(lambda: not _group_lives(held[-1].pid) and not _listening(port, dist), 20, "the end of RabbitMQ")

    try:
        start()
        yield Server(f"amqp://guest:guest@127.0.0.1:{port}/", port, start, kill, lambda: held[-1].pid)
    finally:
        kill()
        subprocess.run(["epmd", "-port", str(names), "-kill"], env=env, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def _group_lives(leader: int) -> bool:
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return True


def _listening(*ports: int) -> bool:
    for port in ports:
        with contextlib.suppress(OSError):
            return answers(port)
    return False


def _unprivileged(name: str) -> str | None:
    """PostgreSQL refuses to run as root; anybody else runs it as themselves."""
    if os.geteuid() != 0:
        return None
    return pwd.getpwnam(name).pw_name
