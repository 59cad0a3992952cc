"""The production profile for a measurement: throw-away PostgreSQL and Redis, a pretend Procore, and each line of the Procfile.

Every one of them is a process of its own. Rules and destinations are written before anything starts.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from bench.accept import KEYS
from bench.site import write
from config.secrets import Box, Secret
from config.settings import Settings, load
from console.demo.children import Child
from console.demo.stage import Stage, answer
from store import hooks
from store.session import open_engine, writing
from tests import services

ROOT = Path(__file__).parents[1]
SECRET = "Bearer " + "s" * 43
# The spike stays the window that is nearest to its end, as it is at Procore; no program here comes near it.
NO_LIMIT = ("--spike", "100000", "--hourly", "1000000")
SINK = "format: 1\nkind: http\nname: sink\nurl: {url}\nprivate: true\n"
READY_S = 90.0


@dataclass
class Production:
    """What runs. `ready_s` tells of each process how long it took from its start until it worked."""

    stage: Stage
    database: str
    redis: str
    state: Mapping[str, Any]
    settings: Settings
    children: dict[str, Child] = field(default_factory=dict)
    ready_s: dict[str, float] = field(default_factory=dict)

    @property
    def company(self) -> str:
        return str(self.state["companies"][0]["id"])

    @property
    def projects(self) -> list[str]:
        return [str(one["id"]) for one in self.state["companies"][0]["projects"] if one.get("permitted", True)]

    def control(self, path: str, wish: Any = None, method: str = "POST") -> Any:
        """Ask the simulator; a fill of very many records may take a minute."""
        import requests

        reply = requests.request(method, self.stage.simulator + path, json=wish, timeout=600)
        reply.raise_for_status()
        return reply.json()

    def one(self, query: str) -> int:
        """A number from the database; 0 while the table is not there."""
        try:
            with psycopg.connect(self.database, autocommit=True) as db:
                row = db.execute(query).fetchone()
        except psycopg.errors.UndefinedTable:
            return 0
        return int(row[0] or 0) if row else 0

    def until(self, query: str, wanted: int, seconds: float, every_s: float = 0.05) -> None:
        """Until the number is at least that. Raises: SystemExit that shows the ends of the logs."""
        deadline = time.monotonic() + seconds
        while (seen := self.one(query)) < wanted:
            if time.monotonic() > deadline:
                told = "\n".join(f"{name}:\n{child.tail()}" for name, child in self.children.items())
                raise SystemExit(f"{query}: {seen} of {wanted} after {seconds:g} s\n{told}")
            time.sleep(every_s)

    def quiet(self, seconds: float = 300) -> None:
        """Until no fetch and no run waits or runs."""
        left = " + ".join(
            f"(SELECT count(*) FROM {table} WHERE state IN ('waiting', 'running'))"
            for table in ("tieback_fetches", "tieback_runs")
        )
        self.until(f"SELECT 1 - least(1, {left})", 1, seconds, 0.2)

    def hook(self) -> str:
        """The key of a hook whose deliveries we send ourselves, with `SECRET`."""
        engine = open_engine(self.settings, pool_size=1)
        with writing(engine) as db:
            key = hooks.ensure(db, Box(self.settings.secret_keys), "acme", self.company, "", Secret(SECRET))
        engine.dispose()
        return key

    def start(self, name: str, processes: int = 1) -> None:
        """A line of the Procfile; returns when all of its processes work."""
        began = time.monotonic()
        words = shlex.split(procfile()[name])[1:]
        child = self.stage.start(name, *words, *(("--processes", str(processes)) if processes > 1 else ()))
        self.children[name] = child
        while not self._works(name, processes):
            if not child.alive() or time.monotonic() - began > READY_S:
                raise SystemExit(f"{name} did not come up:\n{child.tail()}")
            time.sleep(0.02)
        self.ready_s[name] = round(time.monotonic() - began, 2)

    def _works(self, name: str, processes: int) -> bool:
        if name in ("web", "console"):
            port = self.stage.port if name == "web" else self.settings.console_bind[1]
            return answer(port, "GET", "/healthz")[0] == 200
        return self.one(f"SELECT count(*) FROM tieback_beats WHERE role = '{name}'") >= processes

    def end(self, name: str) -> None:
        self.children.pop(name).end()


def procfile() -> dict[str, str]:
    """The command of each process, as the Procfile has it."""
    lines = (ROOT / "Procfile").read_text("utf-8").splitlines()
    return {name: command.strip() for name, command in (line.split(":", 1) for line in lines if ":" in line)}


@contextmanager
def production(
    rules: Mapping[str, str],
    *,
    sink: str = "",
    workers: int = 1,
    fill: int = 0,
    processes: tuple[str, ...] = ("web", "relay", "worker"),
) -> Iterator[Production]:
    """Web, relay and so many workers, with `fill` more RFIs in the first project. `sink` is the URL of `http:sink`."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # whoever ends us ends all that we started
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tieback-bench-")))
        postgresql = stack.enter_context(services.postgresql(connections=200))
        redis = stack.enter_context(services.redis_server())
        stage = Stage(folder / "stage", services.free_port(), services.free_port())
        stage.prepare()
        stack.callback(stage.end)
        stage.env |= {
            "TIEBACK_DATABASE_URL": postgresql.url, "TIEBACK_BROKER_URL": redis.url, "TIEBACK_SECRET_KEYS": KEYS,
            "TIEBACK_CONSOLE_BIND": f"127.0.0.1:{services.free_port()}", "TIEBACK_LOG_LEVEL": "WARNING",
            "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        words = ("--port", str(stage.sim_port), "--seed", "7", *NO_LIMIT)
        simulator = stage.start("simulator", "simulator", *words)
        stage.wait(simulator, stage.sim_port, "/_sim/state")
        state = stage.control("GET", "/_sim/state")
        write(stage.site, stage.simulator, state)
        for name, text in rules.items():
            (stage.site / f"automations/{name}.yaml").write_text(text)
        if sink:
            (stage.site / "destinations/sink.yaml").write_text(SINK.format(url=sink))
        running = Production(stage, postgresql.url, redis.url, state, load(stage.env, stage.folder))
        if fill:
            running.control("/_sim/fill", {"resource": "RFIs", "project_id": int(running.projects[0]), "count": fill})
        for name in processes:
            running.start(name, workers if name == "worker" else 1)
        yield running


def save(file: str | None, found: Any) -> None:
    """Write what was found where `--json` says."""
    if file:
        Path(file).write_text(json.dumps(found, indent=1) + "\n", "utf-8")
