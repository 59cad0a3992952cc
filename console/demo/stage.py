"""Where a demonstration takes place: its folder, its settings, its two programs, and the real command line."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from config.errors import ConfigError, TiebackError
from config.secrets import new_key
from console.demo.children import Child

HOST = "127.0.0.1"
MARKER = ".tieback-demo"
READY_S = 60.0
COMMAND_S = 120.0


class DemoFailed(TiebackError):
    """A step of the demonstration did not work; the sentence says which and what was seen."""


class Stage:
    """`folder` is wiped at the start and left behind at the end, for looking around."""

    def __init__(self, folder: Path, port: int, sim_port: int):
        self.folder = folder
        self.site = folder / "site"
        self.port, self.sim_port = port, sim_port
        self.simulator = f"http://{HOST}:{sim_port}"
        self.children: list[Child] = []
        # Settings of the user's own installation must not lead the demonstration to its database.
        ours = {name: value for name, value in os.environ.items() if not name.startswith("TIEBACK_")}
        self.env = {**ours, "TIEBACK_SITE": str(self.site)}
        if self.env.pop("PYTHONDONTWRITEBYTECODE", None):
            # A dozen Pythons start here; compiling everything each time would take longer than all the rest.
            self.env["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.folder.absolute() / 'tieback.db'}"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One demonstration at a time in this folder. Raises: ConfigError when another one is running."""
        self.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder.parent / "demo.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ConfigError(f"another demonstration is running in {self.folder}. End it first (Ctrl-C there).") from None
            yield

    def prepare(self) -> None:
        """A fresh folder with an empty site. Raises: ConfigError when a port is taken or the folder is not ours."""
        for port, name in ((self.port, "PORT"), (self.sim_port, "SIM_PORT")):
            _free(port, name)
        if self.folder.exists():
            if not (self.folder / MARKER).exists():
                raise ConfigError(f"{self.folder} was not made by the demonstration. Move it away; nothing in it was touched.")
            shutil.rmtree(self.folder)
        for name in ("connectors", "automations", "destinations", "secrets"):
            (self.site / name).mkdir(parents=True, mode=0o700)
        (self.folder / MARKER).touch()
        keep_secret(self.site / "tieback.env", self._settings())

    def _settings(self) -> str:
        given = {
            "TIEBACK_DATABASE_URL": self.database_url,
            "TIEBACK_SECRET_KEYS": new_key(),
            "TIEBACK_BIND": f"{HOST}:{self.port}",
            "TIEBACK_PUBLIC_URL": f"http://{HOST}:{self.port}",
        }
        return "".join(f"{name}={value}\n" for name, value in given.items())

    def start(self, name: str, *words: str) -> Child:
        child = Child(name, [sys.executable, "-m", "console.cli", *words], self.env, self.folder / f"{name}.log")
        self.children.append(child)
        return child

    def start_tieback(self) -> Child:
        """Everything of ours; the child that serves the door."""
        return self.start("tieback", "up")

    def end(self) -> None:
        for child in reversed(self.children):
            child.end()

    def wait(self, child: Child, port: int, path: str) -> None:
        """Until `path` answers 200. Raises: DemoFailed when the program ends or stays silent."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline and child.alive():
            if answer(port, "GET", path)[0] == 200:
                return
            time.sleep(0.05)
        what = f"did not answer on port {port} within {READY_S:.0f} s" if child.alive() else "ended by itself"
        raise DemoFailed(f"{child.name} {what}. The end of {child.log}:\n{child.tail()}")

    def tieback(self, *words: str, input: str = "") -> str:
        """Run a command as a person would; returns its answer. Raises: DemoFailed with what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "console.cli", *words],
            env=self.env,
            input=input,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )
        if done.returncode:
            raise DemoFailed(f"tieback {' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}".rstrip())
        return done.stdout

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the simulator. Raises: DemoFailed when it refuses."""
        status, text = answer(self.sim_port, method, path, body)
        if status != 200:
            raise DemoFailed(f"the simulator answered {status} to {method} {path}: {text[:300]}")
        return json.loads(text)


def keep_secret(path: Path, text: str) -> None:
    """A file that only its owner can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def answer(port: int, method: str, path: str, body: Any = None) -> tuple[int, str]:
    """Status and text; 0 when nobody answers. Straight to the port, whatever proxies the environment names."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        return reply.status, reply.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return 0, "no answer"
    finally:
        connection.close()


def _free(port: int, name: str) -> None:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((HOST, port))
        except OSError as error:
            mend = f"Choose another with make demo {name}=…, or with {'--port' if name == 'PORT' else '--sim-port'}."
            raise ConfigError(f"port {port} on {HOST} cannot be had ({(error.strerror or 'refused').lower()}). {mend}") from None
