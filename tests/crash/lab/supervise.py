"""Servers and processes of one run, on ports and in a folder of their own; what dies is started again, as by a service manager.

Only processes that were started here are ever signalled: they are known by the run's folder in their environment.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis
from sqlalchemy import create_engine, text

from config.secrets import Box
from config.settings import Settings, load
from store import apitokens, hooks, migrate
from store.session import open_engine, reading, writing
from tests.conftest import KEY
from tests.crash.lab import site
from tests.crash.lab.plan import Plan
from tests.crash.lab.proxy import Proxies
from tests.crash.sweep import Far
from tests.crash.tree import ROOT, Tree
from tests.services import Server, free_port
from tests.workers.rig import write_site

INSIDE = Path(__file__).parent / "inside"
_PROCFILE = ("web", "console", "worker", "worker 2", "relay")  # what of, and which one
COMMANDS = {"sqlite": ("up",), "redis": _PROCFILE, "rabbitmq": _PROCFILE}
LOOK_S = 0.3


class Stack(Tree):
    """One run's processes. `bugs` are planted in its children only."""

    def __init__(self, folder: Path, far: Far, plan: Plan, servers: dict[str, Server], bugs: tuple[str, ...] = ()):
        super().__init__(folder, far, {})
        self.profile, self.servers, self._skew = plan.profile, servers, plan.skew
        profile = plan.profile
        self.proxies = Proxies()
        self.console_port = self.port if profile == "sqlite" else free_port()
        self.database_url = self._fresh_database()
        self.env |= {
            "PYTHONPATH": f"{INSIDE}{os.pathsep}{ROOT}",
            "CRASHLAB_PROBES": str(folder / "probes"),
            "CRASHLAB_BUGS": ",".join(bugs),
            "CRASHLAB_HALT": str(folder),
            "TIEBACK_CONSOLE_BIND": f"127.0.0.1:{self.console_port}",
            "TIEBACK_DATABASE_URL": self.database_url,
            "TIEBACK_WORKER_THREADS": "6",
        }
        self.sent_secret = ""
        self.restarting = {name: threading.Lock() for name in servers}
        self.restarts: list[tuple[float, str]] = []
        self._mains: dict[str, subprocess.Popen[bytes]] = {}
        self._watching: threading.Thread | None = None
        self._ending = threading.Event()

    # Beginning

    def prepare(self) -> Settings:
        """Edges, site and schema."""
        far_port = int(self.far.url.rsplit(":", 1)[1])
        worker_far = self.proxies.open("worker-far", far_port)
        self.proxies.open("sender-door", self.port)
        near = Far(f"http://127.0.0.1:{worker_far.port}", self.far.company_id, self.far.project_id, self.far.world)
        here = load({"TIEBACK_SECRET_KEYS": KEY, "TIEBACK_SITE": str(self.folder / "site"),
                     "TIEBACK_DATABASE_URL": self.database_url}, self.folder)  # fmt: skip
        write_site(here, near, **{name: site.rule(name) for name in site.RULES})
        for name in ("keyed", "once"):
            (here.site / f"destinations/{name}.yaml").write_text(site.sink(name, near.url))
        with (here.site / "connectors/acme.yaml").open("a") as file:  # one project, so one hook
            file.write(f"projects: [{self.far.project_id}]\n")
        for edge, server in (("web-db", "database"), ("worker-db", "database"), ("relay-db", "database"),
                             ("web-broker", "broker"), ("worker-broker", "broker")):  # fmt: skip
            if server in self.servers:
                self.proxies.open(edge, self.servers[server].port)
        engine = open_engine(here)
        migrate.upgrade(engine)
        engine.dispose()
        return here

    def _fresh_database(self) -> str:
        if self.profile == "sqlite":
            (self.folder / "var").mkdir(mode=0o700)
            return f"sqlite:///{self.folder}/var/tieback.db"
        base = self.servers["database"].url.rsplit("/", 1)[0]
        name = f"lab_{self.folder.name.replace('-', '_')}"
        admin = create_engine(self._administration, isolation_level="AUTOCOMMIT")
        with admin.connect() as db:
            db.execute(text(f"CREATE DATABASE {name}"))
        admin.dispose()
        return f"{base}/{name}"

    def begin(self) -> None:
        for command in COMMANDS[self.profile]:
            self._mains[command] = self._main(command)
        self._watching = threading.Thread(target=self._watch, name="lab-supervisor", daemon=True)
        self._watching.start()
        self.wait_ready(300)

    def _main(self, command: str) -> subprocess.Popen[bytes]:
        word = command.split()[0]
        return self.start(word, env=self._edges(word) | self._clock(word) | {"CRASHLAB_MAIN": command})

    def _clock(self, word: str) -> dict[str, str]:
        """The wall clock that this process sees."""
        if not self._skew.get(word) or (shim := clock_shim()) is None:
            return {}
        return {"LD_PRELOAD": str(shim), "CRASHLAB_SKEW": str(self._skew[word])}

    def _edges(self, command: str) -> dict[str, str]:
        """Each role reaches the servers through edges of its own."""
        if self.profile == "sqlite":
            return {}
        role = command if command in ("web", "worker", "relay") else "web"
        broker = self.proxies.edges["worker-broker" if role == "worker" else "web-broker"].port
        return {
            "TIEBACK_DATABASE_URL": _at(self.database_url, self.proxies.edges[f"{role}-db"].port),
            "TIEBACK_BROKER_URL": _at(self.servers["broker"].url, broker),
        }

    # Keeping alive

    def _watch(self) -> None:
        while not self._ending.wait(LOOK_S):
            for command, process in list(self._mains.items()):
                if process.poll() is not None and not self._ending.is_set() and not self._lives(command):
                    self.restarts.append((time.time(), command))
                    self._mains[command] = self._main(command)

    def _lives(self, command: str) -> bool:
        """A child that lost its supervisor finishes first, or becomes the supervisor itself."""
        mine = f"CRASHLAB_MAIN={command}".encode()
        return any(mine in self.environment_of(pid) for pid in self.pids())

    def environment_of(self, pid: int) -> list[bytes]:
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        return []

    def halted(self, where: str) -> list[tuple[int, int]]:
        """Processes of ours that have stopped themselves there, in this order, and the run that each was at."""
        said = self.folder / "halted"
        lines = [line.split() for line in said.read_text().splitlines()] if said.exists() else []
        return [(int(pid), int(run)) for place, pid, run in lines if place == where]

    def _state(self, pid: int) -> str:
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return ""

    def sizes(self) -> list[dict[str, Any]]:
        """What each process holds now: memory in MB, descriptors, threads."""
        found = []
        for pid in self.pids():
            with contextlib.suppress(OSError):
                here = Path(f"/proc/{pid}")
                pages = int((here / "statm").read_text().split()[1])
                found.append({
                    "command": self.command_of(pid)[-40:], "mb": pages * os.sysconf("SC_PAGE_SIZE") >> 20,
                    "files": len(list((here / "fd").iterdir())), "threads": len(list((here / "task").iterdir())),
                })  # fmt: skip
        return found

    def of_role(self, role: str) -> list[int]:
        """Process ids of a role's children; `supervisor`: of all that look after them."""
        wanted = "console.cli" if role == "supervisor" else f"console.child {role}"
        return [pid for pid in self.pids() if wanted in self.command_of(pid)]

    def awake(self, role: str) -> list[int]:
        """Those of a role's children that are not stopped."""
        return [pid for pid in self.of_role(role) if self._state(pid) not in ("T", "")]

    def signal(self, role: str, number: int, which: float = 0.0) -> int | None:
        """Signal one process of this role, `which` between 0 and 1 says which one; its id, None when there is none."""
        there = self.of_role(role)
        if not there:
            return None
        pid = there[int(which * len(there)) % len(there)]
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        return pid

    def end(self) -> None:
        """Kill everything; once is enough. Nothing is at work by then; how a process ends that is told to, the storm asks."""
        if self._ending.is_set():
            return
        self._ending.set()
        if self._watching is not None:
            self._watching.join(5)
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.stop()
        self.proxies.close()
        if left := self.pids():
            raise RuntimeError(f"processes of the run are left: {left}")

    def drop(self) -> None:
        """The database of this run goes away with it."""
        if self.profile == "sqlite":
            return
        name = self.database_url.rsplit("/", 1)[1]
        admin = create_engine(self._administration, isolation_level="AUTOCOMMIT")
        with admin.connect() as db:
            db.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        admin.dispose()

    @property
    def _administration(self) -> str:
        return self.servers["database"].url.replace("postgresql:", "postgresql+psycopg:")

    def token(self, here: Settings) -> str:
        """A bearer token for the operator."""
        engine = open_engine(here)
        try:
            with writing(engine) as db:
                return apitokens.add(db, "lab", ["operate"])
        finally:
            engine.dispose()

    def subscribe(self, here: Settings) -> str:
        """As an operator does it: `tieback hooks apply`. Returns the secret that Procore sends now."""
        self.cli("hooks", "apply", "acme")
        return self.secret(here)

    def secret(self, here: Settings) -> str:
        """What the far end was told last, as our own database has it."""
        engine, box = open_engine(here), Box(here.secret_keys)
        try:
            with reading(engine) as db:
                (row,) = [one for one in hooks.of_connector(db, "acme") if one.project_id == str(self.far.project_id)]
        finally:
            engine.dispose()
        self.hook_key = str(row.key)
        told = next((one for one in row.sealed if one.get("told_at")), row.sealed[0])
        return box.open(told["secret"], hooks.place(row.key)).reveal()

    def flush(self) -> None:
        """The broker forgets everything."""
        url = self.servers["broker"].url
        if url.startswith("redis"):
            with contextlib.suppress(redis.RedisError):
                redis.Redis.from_url(url, socket_timeout=2).flushall()
            return
        import pika

        with contextlib.suppress(Exception):
            connection = pika.BlockingConnection(pika.URLParameters(url + "?socket_timeout=2&stack_timeout=3"))
            channel = connection.channel()
            for lane in ("webhook", "manual", "schedule", "backfill"):
                channel.queue_purge(f"tieback.{lane}")
            connection.close()


def _at(url: str, port: int) -> str:
    head, _, tail = url.rpartition(":")
    return f"{head}:{port}/{tail.partition('/')[2]}"


@functools.cache
def clock_shim() -> Path | None:
    """The library that shifts a process's clock; None where there is no C compiler."""
    if (compiler := shutil.which("cc")) is None:
        return None
    made = Path(tempfile.mkdtemp(prefix="tieback-clock-")) / "clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(made), str(INSIDE / "clock.c")], check=True)
    atexit.register(shutil.rmtree, made.parent, ignore_errors=True)
    return made


@contextmanager
def servers(profile: str) -> Iterator[dict[str, Server]]:
    """Those of one profile, for a whole batch: each run has a database of its own in them."""
    from tests import services

    with ExitStack() as opened:
        found: dict[str, Server] = {}
        if profile != "sqlite":
            found["database"] = opened.enter_context(services.postgresql())
            found["broker"] = opened.enter_context(services.redis_server() if profile == "redis" else services.rabbitmq())
        yield found
