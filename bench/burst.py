"""What a burst costs in calls: thousands of events within a small quota, beside an import that wants the same calls.

    python -m bench.burst [--events 5000] [--projects 5] [--fanout 2000] [--json FILE]

A pretend Procore with 25 calls per 10 s and 600 per hour, `tieback up` and the command line, each a process of its
own. First so many Punch Items change, spread over the projects, while an import of RFIs runs in the backfill lane; then
a storm of events on few records. Counted are the calls by path, the 429s that Procore gave, and how long the events and
the import took. Nothing here is compared across machines.
"""

from __future__ import annotations

import argparse
import json
import math
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bench.site import write
from config.settings import load
from console.demo.children import Child
from console.demo.stage import Stage
from store.session import open_engine, reading

LONGEST_S = 1500
RULE = """\
format: 1
id: keep-punch-items
stage: live
when:
  - webhook: {connector: acme, resource: Punch Items, actions: [create, update]}
do:
  - use: db.upsert
    with: {table: punch_items, row: "${record}", version: "${record.updated_at}"}
"""


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder) / "stage", _port(), _port())
        stage.prepare()
        try:
            result = _Burst(stage, options).run()
        finally:
            stage.end()
    print(json.dumps(result, indent=2))
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=2))
    return 0 if result["right"] else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=5000, help="changed Punch Items, each once")
    parser.add_argument("--projects", type=int, default=5)
    parser.add_argument("--fanout", type=int, default=2000, help="events of the storm, on 50 records")
    parser.add_argument("--spike", type=int, default=25)
    parser.add_argument("--hourly", type=int, default=600)
    parser.add_argument("--json", help="also write the result to this file")
    return parser.parse_args()


def _port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class _Burst:
    def __init__(self, stage: Stage, options: argparse.Namespace):
        self.stage, self.options = stage, options

    def run(self) -> dict[str, Any]:
        self._simulator()
        engine = open_engine(load({**self.stage.env, **self._settings()}, self.stage.folder))
        self._site()
        tieback = self.stage.start_tieback()
        self.stage.wait(tieback, self.stage.port, "/readyz")
        self.stage.tieback("hooks", "apply")
        self.stage.control("DELETE", "/_sim/calls")
        each = self.options.events // self.options.projects
        importing = self._import()
        begun = time.monotonic()
        for project in self.projects:
            wish = {"resource": "Punch Items", "verb": "update", "project_id": int(project), "count": each}
            self.stage.control("POST", "/_sim/change", wish)
        self._until(engine, "SELECT count(*) FROM punch_items", each * len(self.projects))
        burst_s = time.monotonic() - begun
        burst_calls = self._calls("/punch_items")
        code = importing.wait(LONGEST_S)
        import_s = time.monotonic() - begun
        storm = self._storm(engine)
        engine.dispose()
        refused = self._refused()
        most, storm_most = len(self.projects) * (math.ceil(each / 100) + 2), math.ceil(storm["records"] / 100) + 2
        return {
            "events": each * len(self.projects), "burst_s": round(burst_s, 1), "burst_calls": burst_calls, "calls_at_most": most,
            "import_code": code, "import_s": round(import_s, 1), "storm": storm, "refused_429": refused,
            "right": refused == 0 and burst_calls <= most and code == 0 and storm["calls"] <= storm_most,
        }  # fmt: skip

    def _simulator(self) -> None:
        words = ("--seed", "7", "--spike", str(self.options.spike), "--hourly", str(self.options.hourly))
        simulator = self.stage.start("simulator", "simulator", "--port", str(self.stage.sim_port), *words)
        self.stage.wait(simulator, self.stage.sim_port, "/_sim/state")
        self.state = self.stage.control("GET", "/_sim/state")
        company = self.state["companies"][0]
        permitted = [str(one["id"]) for one in company["projects"] if one.get("permitted", True)]
        self.projects = permitted[: self.options.projects]
        each = self.options.events // self.options.projects
        for project in self.projects:
            for resource, count in (("Punch Items", each), ("RFIs", 2000)):
                self.stage.control("POST", "/_sim/fill", {"resource": resource, "project_id": int(project), "count": count})

    def _settings(self) -> dict[str, str]:
        lines = (self.stage.site / "tieback.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def _site(self) -> None:
        write(self.stage.site, self.stage.simulator, self.state, self.projects)
        (self.stage.site / "automations/keep.yaml").write_text(RULE)

    def _import(self) -> _Command:
        return _Command(self.stage, "import", "acme", "RFIs", "--full")

    def _storm(self, engine: Any) -> dict[str, Any]:
        """Many events on few records: each record is read once for all of them."""
        records = 50
        self.stage.control("DELETE", "/_sim/calls")
        wish = {
            "resource": "Punch Items",
            "project_ids": [int(self.projects[0])],
            "events": self.options.fanout,
            "records": records,
        }
        before = self._one(engine, "SELECT count(*) FROM tieback_events WHERE source = 'webhook'")
        self.stage.control("POST", "/_sim/fanout", wish)
        self._until(engine, "SELECT count(*) FROM tieback_events WHERE source = 'webhook'", before + self.options.fanout)
        self._until(engine, "SELECT -count(*) FROM tieback_runs WHERE state IN ('waiting', 'running')", 0)
        return {"events": self.options.fanout, "records": records, "calls": self._calls("/punch_items")}

    def _until(self, engine: Any, query: str, wanted: int) -> None:
        deadline = time.monotonic() + LONGEST_S
        while (seen := self._one(engine, query)) < wanted:
            if time.monotonic() > deadline:
                raise SystemExit(f"{query}: {seen} of {wanted} after {LONGEST_S} s; the logs are in {self.stage.folder}")
            time.sleep(0.5)

    def _one(self, engine: Any, query: str) -> int:
        try:
            with reading(engine) as db:
                return int(db.scalar(text(query)) or 0)
        except Exception:
            return 0  # the table comes with its first row

    def _calls(self, part: str) -> int:
        return sum(one["count"] for one in self.stage.control("GET", "/_sim/calls") if part in one["path"])

    def _refused(self) -> int:
        return sum(one["count"] for one in self.stage.control("GET", "/_sim/calls") if one["status"] == 429)


class _Command:
    """A command of the command line, running beside."""

    def __init__(self, stage: Stage, *words: str):
        self.child = Child(words[0], [sys.executable, "-m", "console.cli", *words], stage.env, stage.folder / f"{words[0]}.log")
        stage.children.append(self.child)

    def wait(self, most_s: float) -> int | None:
        deadline = time.monotonic() + most_s
        while self.child.alive() and time.monotonic() < deadline:
            time.sleep(0.2)
        return self.child.code()


if __name__ == "__main__":
    raise SystemExit(main())
