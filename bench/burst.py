"""What a burst costs in calls: thousands of events within a small quota, beside an import that wants the same calls.

    python -m bench.burst [--events 5000] [--projects 5] [--fanout 2000] [--json FILE]

A pretend Procore with 25 calls per 10 s and 600 per hour, `tieback up` and the command line, each a process of its
own. First so many Punch Items change, spread over the permitted projects, while an import of RFI Replies (a call for
each RFI, far more than the quota gives) runs in the backfill lane; then an edit in the directory is told so many times,
of few people; then the same of Punch Items. Counted are the calls by path and project, the 429s that Procore gave, and
how long the events took. Nothing here is compared across machines.
"""

from __future__ import annotations

import argparse
import json
import math
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
from tests.services import free_port

LONGEST_S = 1500
STORM_RECORDS = 50
RULE = """\
format: 1
id: keep-{table}
stage: live
when:
  - webhook: {{connector: acme, resource: {resource}, actions: [create, update]}}
do:
  - use: db.upsert
    with: {{table: {table}, row: "${{record}}", version: "${{record.updated_at}}"}}
"""
LISTENED = {"Punch Items": "punch_items", "Company Users": "company_users"}
# Of each project the calls that were made for its Punch Items: a batch is logged under the fetch that speaks for it.
CALLS_BY_PROJECT = """
    SELECT f.project_id, count(*) FROM tieback_calls c JOIN tieback_fetches f ON f.id = c.fetch_id
    WHERE f.resource = 'Punch Items' AND c.path LIKE '%punch_items%' GROUP BY f.project_id
"""
WAITS = """
    SELECT (julianday(r.finished_at) - julianday(e.created_at)) * 86400.0 FROM tieback_runs r
    JOIN tieback_events e ON e.id = r.event_id WHERE r.state = 'ok' ORDER BY 1
"""


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder) / "stage", free_port(), free_port())
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


class _Burst:
    def __init__(self, stage: Stage, options: argparse.Namespace):
        self.stage, self.options = stage, options

    def run(self) -> dict[str, Any]:
        self._simulator()
        self.engine = open_engine(load({**self.stage.env, **self._settings()}, self.stage.folder))
        self._site()
        tieback = self.stage.start_tieback()
        self.stage.wait(tieback, self.stage.port, "/readyz")
        self.stage.tieback("hooks", "apply")
        self.stage.control("DELETE", "/_sim/calls")
        try:
            burst = self._burst()
            refused = self._refused()
            storms = []
            for resource in LISTENED:
                storms.append(self._storm(resource))
                refused += self._refused()
        finally:
            self.engine.dispose()
        right = refused == 0 and burst["right"] and all(one["calls"] <= one["calls_at_most"] for one in storms)
        return {"burst": burst, "storms": storms, "refused_429": refused, "right": right}

    def _burst(self) -> dict[str, Any]:
        importing, begun = self._import(), time.monotonic()
        for project in self.projects:
            wish = {"resource": "Punch Items", "verb": "update", "project_id": int(project), "count": self.each}
            self.stage.control("POST", "/_sim/change", wish)
        self._until("SELECT count(*) FROM punch_items", self.each * len(self.projects))
        took_s, open_still = time.monotonic() - begun, importing.child.alive()
        most = math.ceil(self.each / 100) + 2
        calls = dict(self._rows(CALLS_BY_PROJECT))
        self._quiet()
        importing.child.end()
        return {
            "events": self.each * len(self.projects), "seconds": round(took_s, 1), "wait_s": self._waits(),
            "calls_by_project": calls, "calls_at_most": most,
            "import_calls": self._calls("/replies"), "import_still_at_it": open_still,
            "right": open_still and max(calls.values()) <= most,
        }  # fmt: skip

    def _simulator(self) -> None:
        words = ("--seed", "7", "--spike", str(self.options.spike), "--hourly", str(self.options.hourly))
        simulator = self.stage.start("simulator", "simulator", "--port", str(self.stage.sim_port), *words)
        self.stage.wait(simulator, self.stage.sim_port, "/_sim/state")
        self.state = self.stage.control("GET", "/_sim/state")
        company = self.state["companies"][0]
        permitted = [str(one["id"]) for one in company["projects"] if one.get("permitted", True)]
        self.projects = permitted[: self.options.projects]
        self.each = math.ceil(self.options.events / len(self.projects))
        for project in self.projects:
            for resource, count in (("Punch Items", self.each), ("RFIs", 500)):
                self.stage.control("POST", "/_sim/fill", {"resource": resource, "project_id": int(project), "count": count})
        self.stage.control("POST", "/_sim/fill", {"resource": "Company Users", "count": STORM_RECORDS})

    def _settings(self) -> dict[str, str]:
        lines = (self.stage.site / "tieback.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def _site(self) -> None:
        write(self.stage.site, self.stage.simulator, self.state, self.projects)
        for resource, table in LISTENED.items():
            (self.stage.site / f"automations/{table}.yaml").write_text(RULE.format(resource=resource, table=table))

    def _import(self) -> _Command:
        return _Command(self.stage, "import", "acme", "RFI Replies", "--full")

    def _storm(self, resource: str) -> dict[str, Any]:
        """One edit of few records that is told very often: each record is read once for all of them."""
        self.stage.control("DELETE", "/_sim/calls")
        wish = {"resource": resource, "events": self.options.fanout, "records": STORM_RECORDS}
        one_project = {"project_ids": [int(self.projects[0])]} if resource == "Punch Items" else {}
        before = self._one("SELECT count(*) FROM tieback_events WHERE source = 'webhook'")
        self.stage.control("POST", "/_sim/fanout", wish | one_project)
        self._until("SELECT count(*) FROM tieback_events WHERE source = 'webhook'", before + self.options.fanout)
        self._quiet()
        by_list = resource == "Punch Items"
        return {
            "resource": resource, "events": self.options.fanout, "records": STORM_RECORDS,
            "calls": self._calls("/punch_items" if by_list else "/users"),
            "calls_at_most": math.ceil(STORM_RECORDS / 100) + 2 if by_list else STORM_RECORDS,
        }  # fmt: skip

    def _quiet(self) -> None:
        self._until("SELECT -count(*) FROM tieback_runs WHERE state IN ('waiting', 'running')", 0)

    def _waits(self) -> dict[str, float]:
        """Seconds from a sorted event to the end of its run."""
        waits = [float(row[0]) for row in self._rows(WAITS)]
        return {name: round(waits[int(part * (len(waits) - 1))], 1) for name, part in (("p50", 0.5), ("p95", 0.95), ("max", 1))}

    def _until(self, query: str, wanted: int) -> None:
        deadline = time.monotonic() + LONGEST_S
        while (seen := self._one(query)) < wanted:
            if time.monotonic() > deadline:
                raise SystemExit(f"{query}: {seen} of {wanted} after {LONGEST_S} s; the logs are in {self.stage.folder}")
            time.sleep(0.5)

    def _one(self, query: str) -> int:
        try:
            return int(self._rows(query)[0][0] or 0)
        except Exception:
            return 0  # the table comes with its first row

    def _rows(self, query: str) -> list[Any]:
        with reading(self.engine) as db:
            return [tuple(row) for row in db.execute(text(query))]

    def _calls(self, part: str) -> int:
        return sum(one["count"] for one in self.stage.control("GET", "/_sim/calls") if part in one["path"])

    def _refused(self) -> int:
        return sum(one["count"] for one in self.stage.control("GET", "/_sim/calls") if one["status"] == 429)


class _Command:
    """A command of the command line, running beside."""

    def __init__(self, stage: Stage, *words: str):
        self.child = Child(words[0], [sys.executable, "-m", "console.cli", *words], stage.env, stage.folder / f"{words[0]}.log")
        stage.children.append(self.child)


if __name__ == "__main__":
    raise SystemExit(main())
