"""Crash at every line: one change travels from the door to its effects in a child that ends at a given line.

Afterwards the sender delivers again if it was not answered, the relay passes, and the outcome must be as if
nothing had happened: one row, one effect applied at the far end. Each child is a fork of this process, so that
imports are paid once; nothing that holds a thread or a connection may exist in it before.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

import requests
from sqlalchemy import create_engine, text

from config import failpoints
from config.secrets import Box, Secret
from config.settings import Settings
from store import hooks, migrate
from store.session import open_engine, writing
from tests.services import free_port, wait_until
from tests.webhook.door import deliver
from tests.workers.rig import Rig, payload, write_site

ROOT = Path(__file__).parents[2]
SWEPT = tuple(str(ROOT / part) for part in (
    "webhook/", "workers/", "store/", "automations/engine.py", "automations/attempt.py", "automations/doing.py",
    "automations/items.py", "automations/effects.py", "automations/actions/",
))  # fmt: skip
SECRET = "s" * 40
CRASHED = 137


FLOW = """
    flow:
      coalesce: {key: event.resource_id, quiet: 1s, max_wait: 5s, keep: all}
      overlap: {key: event.resource_id, policy: queue}
      throttle: {rate: 10/1h, over: wait}
    finally:
      - {id: counted, use: metrics.count, with: {name: swept}}"""


def rules(keyed: bool, flow: bool = False) -> str:
    """`flow`: the event gathers, takes its place among others, and its effect is that of an item of a list."""
    foreach = "foreach: events.map(e, e.key)\n        " if flow else ""
    key = 'idempotency_key: "rfi-${event.key}", ' if keyed else ""
    return f"""
    format: 1
    id: swept
    stage: live
    when:
      - webhook: {{connector: acme, resource: RFIs, actions: [update]}}
    retry: {{attempts: 20, backoff: fixed, first: 1s}}{FLOW if flow else ""}
    do:
      - id: write
        use: db.upsert
        with: {{table: rfis, row: "${{record}}", version: "${{record.updated_at}}", if_newer: true}}
      - id: tell
        {foreach}use: http.call
        with: {{to: http:sink, method: POST, path: /rfis, {key}json: {{event: "${{event.key}}"}}}}
    """


@dataclass
class Far:
    """The simulator in a process of its own, as much of it as the site's files need."""

    url: str
    company_id: Any
    project_id: Any
    world: Any


class _Credentials:
    def __init__(self, id: str, secret: str):
        self.tokens = self
        self.client_id, self.client_secret = id, secret


@contextmanager
def simulator() -> Iterator[Far]:
    port = free_port()
    command = [sys.executable, "-m", "simulator", "--port", str(port), "--spike", "100000", "--hourly", "10000000"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: requests.get(f"{url}/_sim/state", timeout=1).ok, 30, "the simulator")
        state = requests.get(f"{url}/_sim/state", timeout=5).json()
        company = state["companies"][0]
        yield Far(url, company["id"], company["projects"][0]["id"], _Credentials(state["client_id"], state["client_secret"]))
    finally:
        process.terminate()
        process.wait(timeout=10)


class Sweep:
    """`template` is a settled database; each trial works on a copy of it."""

    def __init__(self, settings: Settings, far: Far, record_id: str):
        self.settings, self.far, self.record_id = settings, far, record_id
        self.flow = False
        self.id = uuid.uuid4().hex[:8]
        self.trial_settings = replace(settings, database_url=self._trial_url())
        # Children inherit this engine with what it has compiled and without connections.
        self.engine = open_engine(self.trial_settings)

    def _trial_url(self) -> str:
        url = self.settings.database_url
        return url.replace(".db", ".trial.db") if url.startswith("sqlite") else f"{url}_trial"

    @property
    def _file(self) -> Path:
        return Path(self.settings.database_url.removeprefix("sqlite:///"))

    def prepare(self, keyed: bool, flow: bool = False) -> None:
        """Site, schema and hook, made in a child so that nothing of it stays in this process."""
        self.flow = flow
        write_site(self.settings, self.far, swept=rules(keyed, flow))
        assert in_child(self._prepare) == 0

    def _prepare(self) -> None:
        engine = open_engine(self.settings)
        migrate.upgrade(engine)
        one = Rig(engine, self.settings)
        assert one.load_site() == []
        one.put_timers_off()  # what loading it announced, and what the site does by itself, is no part of a trial
        # The quota is known: while it is not, a call that died with its process holds the next one up for 45 s.
        one.desk.loaded.procore("acme").companies()
        one.close()
        with writing(engine) as db:
            hooks.ensure(db, one.box, "acme", str(self.far.company_id), "", Secret(SECRET))
        engine.dispose()

    def keep_template(self) -> None:
        if self._sqlite:
            shutil.copy(self._file, self._file.with_suffix(".template"))

    @property
    def _sqlite(self) -> bool:
        return self.settings.database_url.startswith("sqlite")

    def fresh_trial(self) -> None:
        """Put a copy of the template where the trial works. The far end forgets the calls of the last one."""
        requests.delete(f"{self.far.url}/_sim/sinks", timeout=10)
        if self._sqlite:
            trial = Path(self.trial_settings.database_url.removeprefix("sqlite:///"))
            for leftover in trial.parent.glob(trial.name + "*"):
                leftover.unlink()
            shutil.copy(self._file.with_suffix(".template"), trial)
            return
        base, name = self.settings.database_url.rsplit("/", 1)
        admin = create_engine(f"{base}/postgres", isolation_level="AUTOCOMMIT")
        with admin.connect() as db:
            db.execute(text(f"DROP DATABASE IF EXISTS {name}_trial WITH (FORCE)"))
            db.execute(text(f"CREATE DATABASE {name}_trial TEMPLATE {name}"))
        admin.dispose()

    def lines(self) -> list[str]:
        """Each line that the whole path executes, as `file:line`, in the order of its first execution."""
        self.fresh_trial()
        # Here, not in a child: what these load and compile is inherited by every trial.
        self._travel("count", None, lambda: None)
        found = list(_tracer.seen)
        with tempfile.TemporaryDirectory() as folder:
            self._recover("count", True, Path(folder) / "outcome")
        self.engine.dispose()
        return found

    def crash_at(self, line: str) -> dict[str, Any]:
        """Travel until the first execution of `line`, end there, recover; returns what is the case afterwards."""
        self.fresh_trial()
        key = f"{self.id} {line}"  # the far end outlives a trial: what it counts must be this trial's
        with tempfile.TemporaryDirectory(prefix="tieback-sweep-") as folder:
            answered, outcome = Path(folder) / "answered", Path(folder) / "outcome"
            code = in_child(lambda: self._travel(key, line, answered.touch))
            assert code in (0, CRASHED), f"{line}: the child ended with {code}"
            assert in_child(lambda: self._recover(key, answered.exists(), outcome)) == 0, f"{line}: recovery failed"
            return {"crashed": code == CRASHED, **json.loads(outcome.read_text())}

    def kill_at(self, failpoint: str) -> dict[str, Any]:
        """As `crash_at`, ended by SIGKILL at a named failpoint."""
        self.fresh_trial()
        key = f"{self.id} {failpoint}"
        with tempfile.TemporaryDirectory(prefix="tieback-sweep-") as folder:
            answered, outcome = Path(folder) / "answered", Path(folder) / "outcome"
            code = in_child(lambda: self._travel_armed(key, failpoint, answered.touch))
            assert code in (0, -signal.SIGKILL), f"{failpoint}: the child ended with {code}"
            assert in_child(lambda: self._recover(key, answered.exists(), outcome)) == 0, f"{failpoint}: recovery failed"
            return {"crashed": code == -signal.SIGKILL, **json.loads(outcome.read_text())}

    def _travel_armed(self, key: str, failpoint: str, answered: Callable[[], None]) -> None:
        one = Rig(self.engine, self.trial_settings)
        failpoints.arm(f"{failpoint}:kill", testing=True)
        one.bell.loses = True  # so that the relay has something to ring
        if self._post(one, key) == 204:
            answered()
        one.bell.loses = False
        one.relay.look()
        one.work()

    def _travel(self, key: str, line: str | None, answered: Callable[[], None]) -> None:
        one = Rig(self.engine, self.trial_settings)
        _tracer.start(line)
        status = self._post(one, key)
        if status == 204:
            answered()
        one.work()
        if self.flow:
            one.settle()
        _tracer.stop()
        one.close()

    def _recover(self, key: str, answered: bool, outcome: Path) -> None:
        one = Rig(self.engine, self.trial_settings)
        if not answered:
            assert self._post(one, key) == 204
        one.settle()
        outcome.write_text(json.dumps(self._found(one, key), default=str))
        one.close()

    def _found(self, one: Rig, key: str) -> dict[str, Any]:
        sent = requests.get(f"{self.far.url}/_sim/sink/erp", timeout=10).json()
        return {
            "deliveries": one.rows("SELECT state FROM tieback_deliveries WHERE hook_key <> 'config'"),
            "runs": one.runs(),
            "rows": len(one.rows("SELECT id FROM rfis")) if any(r["state"] in ("ok", "parked") for r in one.runs()) else 0,
            "effects": one.rows("SELECT state FROM tieback_effects"),
            "counted": one.rows("SELECT value FROM tieback_counters WHERE name = 'swept'"),
            "applied": sum(1 for call in sent if (call.get("body") or {}).get("event") == key and call["applied"]),
        }

    def _post(self, one: Rig, key: str, ready: Callable[[], None] = lambda: None) -> int:
        """Through the door's own application, with its committer. `ready` is called right before the delivery comes."""
        from webhook.app import close, create_app

        app = create_app(one.engine, Box(one.settings.secret_keys), one.bell, one.settings)  # type: ignore[arg-type]
        with writing(one.engine) as db:
            url_key = hooks.of_connector(db, "acme")[0].key
        body = payload(self.far, self.record_id, key=key)
        ready()
        status = deliver(app, one.settings, url_key, json.dumps(body).encode(), SECRET)
        close(app)
        return status


class _Tracer:
    """Counts executed lines of the swept files, in every thread; ends the process at one of them."""

    def __init__(self) -> None:
        self.seen: dict[str, None] = {}
        self._end: str | None = None

    def start(self, end: str | None) -> None:
        self.seen, self._end = {}, end
        threading.settrace(self._call)
        sys.settrace(self._call)

    def stop(self) -> None:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]

    def _call(self, frame: FrameType, event: str, _argument: Any) -> Any:
        ours = frame.f_code.co_filename.startswith(SWEPT) and frame.f_code.co_name != "<module>"
        return self._line if ours else None

    def _line(self, frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line":
            here = f"{frame.f_code.co_filename[len(str(ROOT)) + 1 :]}:{frame.f_lineno}"
            self.seen[here] = None
            if here == self._end:
                os._exit(CRASHED)
        return self._line


_tracer = _Tracer()


def in_child(work: Callable[[], None]) -> int:
    """Run this in a fork; its exit code. A child that hangs is killed after a minute."""
    pid = os.fork()
    if pid == 0:
        code = 0
        try:
            work()
        except BaseException:
            traceback.print_exc()
            code = 1
        finally:
            os._exit(code)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return -signal.SIGKILL
