"""Event, fetched, row in PostgreSQL: how many a second, for records that differ, in the production profile.

    python -m bench.event_row [--count 500] [--rounds 3] [--workers 1,2,4] [--connections 16] [--without n8n] [--json FILE]

Beside Tieback stand, in the same rounds: the least that does it with the same parts, a Flask view, Dramatiq on the same
Redis, requests and psycopg (as many worker processes); Node-RED, which keeps nothing before its answer; and n8n, which
notes its runs in a database of its own in the same PostgreSQL (these two are one process each). Each gets its events by
POST, reads each record from the same pretend Procore, which is a process on the same processors, and writes to the same
PostgreSQL. The clock ends when all rows are there. Tieback may read a hundred records with one call.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
import requests

from bench import load, n8n, peers
from bench.accept import run_along
from bench.contestants import n8n_workflow
from bench.contestants.dramatiq_raw import TABLE
from bench.databases import another
from bench.production import ROOT, SECRET, Production, production, save
from tests.services import answers, free_port, wait_until

RULE = """\
format: 1
id: keep
stage: live
when:
  - webhook: {connector: acme, resource: RFIs, actions: [update]}
do:
  - use: db.upsert
    with: {table: rfis, row: "${record}", version: "${record.updated_at}"}
"""
LONGEST_S = 900.0
KEY = "k" * 43  # of the hooks of all others


@dataclass
class Contestant:
    """Where its events go, and where its rows are."""

    name: str
    port: int
    key: str
    table: str
    rates: list[float] = field(default_factory=list)


def main() -> int:
    options = _options()
    left_out = _left_out(options.without)
    found: dict[str, Any] = {"count": options.count, "connections": options.connections, "left_out": left_out, "workers": {}}
    with production({"keep": RULE}, processes=("web", "relay")) as running, contextlib.ExitStack() as along:
        with psycopg.connect(running.database, autocommit=True) as db:
            for table in ("raw_rfis", "red_rfis", n8n_workflow.TABLE):
                db.execute(TABLE.replace("raw_rfis", table).encode())
        others = _others(along, running, left_out)
        for workers in options.workers:
            running.start("worker", workers)
            with contextlib.ExitStack() as stack:
                contestants = [*_ours_and_raw(stack, running, workers), *(replace(one, rates=[]) for one in others)]
                for one in contestants:  # connections, and the first row makes the table
                    _round(running, one, 50, options.connections)
                for _ in range(options.rounds):
                    for one in contestants:
                        one.rates.append(_round(running, one, options.count, options.connections))
            running.end("worker")
            found["workers"][str(workers)] = _told(workers, contestants)
    save(options.json, found)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=500, help="events of a round, each of a record of its own")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=_numbers, default=[1, 2, 4], help="worker processes, one after the other: 1,2,4")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--without", nargs="+", default=[], choices=["node-red", "n8n"], help="what npm need not install")
    parser.add_argument("--json", help="also write the result to this file")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(one) for one in text.split(",")]


def _left_out(without: Sequence[str]) -> dict[str, str]:
    """Installs the others, before any server runs: npm may take many minutes. Why one is left out, in a sentence, by its name."""
    installs: dict[str, Callable[[], str]] = {"node-red": lambda: peers.install("node-red", "node-red", "pg"), "n8n": n8n.install}
    found = {
        name: f"{name} is left out: --without {name}" if name in without else install() for name, install in installs.items()
    }
    print(*filter(None, found.values()), sep="\n", end="\n" if any(found.values()) else "")
    return {name: why for name, why in found.items() if why}


def _ours_and_raw(stack: contextlib.ExitStack, running: Production, workers: int) -> list[Contestant]:
    """Those that have so many worker processes."""
    ours = Contestant("Tieback", running.stage.port, running.hook(), "rfis")
    return [ours, Contestant("raw Dramatiq", _dramatiq(stack, running, workers), KEY, "raw_rfis")]


def _others(stack: contextlib.ExitStack, running: Production, left_out: dict[str, str]) -> list[Contestant]:
    """Those that are one process, until the stack ends."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    procore, found = running.stage.simulator, []
    if "node-red" not in left_out:
        flow, more = peers.postgresql_flow(procore, headers(running), running.database)
        port = stack.enter_context(peers.node_red(folder, flow, more))
        found.append(Contestant("Node-RED, keeps nothing", port, KEY, "red_rfis"))
    if "n8n" not in left_out:
        made = n8n_workflow.workflow(procore, headers(running), KEY)
        port = stack.enter_context(n8n.running(folder, another(running.database, "n8n"), running.database, made))
        found.append(Contestant("n8n", port, KEY, n8n_workflow.TABLE))
    return found


def _dramatiq(stack: contextlib.ExitStack, running: Production, workers: int) -> int:
    """Its door on Granian and so many of its worker processes, with as many threads as ours have; returns the port."""
    port = free_port()
    env = {
        **os.environ, "RAW_REDIS": running.redis, "RAW_DATABASE": running.database, "RAW_PROCORE": running.stage.simulator,
        "RAW_HEADERS": json.dumps(headers(running)), "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    where = "bench.contestants.dramatiq_raw"
    door = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--blocking-threads", "16"]
    bin_ = Path(sys.executable)
    run_along(stack, [str(bin_.with_name("granian")), *door, "--log-level", "critical", "--factory", f"{where}:door"], env=env)
    threads = str(running.settings.worker_threads)
    run_along(stack, [str(bin_), "-m", "dramatiq", "-p", str(workers), "-t", threads, where], env=env, stderr=subprocess.DEVNULL)
    wait_until(lambda: answers(port), 30, "Granian")
    return port


def headers(running: Production) -> dict[str, str]:
    """Of a call to the pretend Procore, signed in."""
    wish = {
        "grant_type": "client_credentials", "client_id": running.state["client_id"],
        "client_secret": running.state["client_secret"],
    }  # fmt: skip
    token = requests.post(f"{running.stage.simulator}/oauth/token", json=wish, timeout=30).json()["access_token"]
    return {"Authorization": f"Bearer {token}", "Procore-Company-Id": running.company}


def _round(running: Production, one: Contestant, count: int, connections: int) -> float:
    """Rows per second from the first POST until the last row is there."""
    project = running.projects[0]
    first = running.control("/_sim/fill", {"resource": "RFIs", "project_id": int(project), "count": count})["first_id"]
    before = running.one(f"SELECT count(*) FROM {one.table}")
    make = events(running.company, project, one.key, lambda number: first + number)
    began = time.perf_counter()
    sent = load.run(one.port, make, connections=connections, seconds=LONGEST_S, most=count)
    running.until(f"SELECT count(*) FROM {one.table}", before + count, LONGEST_S, 0.02)
    took = time.perf_counter() - began
    if sent.wrong:
        raise SystemExit(f"{one.name} did not take {sent.wrong} of {count} events")
    return round(count / took, 1)


def events(company: str, project: str, key: str, record: Callable[[int], int], reason: str = "update") -> Callable[[int], bytes]:
    """Requests that tell of RFIs in v4.0, for `load.run`; `record` gives the id of each."""
    mark = time.time_ns()
    head = f"POST /webhooks/{key} HTTP/1.1\r\nHost: door\r\nAuthorization: {SECRET}\r\nContent-Type: application/json\r\n"

    def make(number: int) -> bytes:
        body = json.dumps({
            "id": f"{mark}-{number}", "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "reason": reason,
            "company_id": company, "project_id": project, "user_id": "1", "resource_type": "RFIs",
            "resource_id": str(record(number)),
        }).encode()  # fmt: skip
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    return make


def _told(workers: int, contestants: list[Contestant]) -> dict[str, Any]:
    found = {}
    for one in contestants:
        ratio = statistics.median(ours / other for ours, other in zip(contestants[0].rates, one.rates, strict=True))
        middle = statistics.median(one.rates)
        print(
            f"{workers} worker process{'es' if workers > 1 else ' ':2}  {one.name:24} {middle:7.0f} events per second"
            f"   {min(one.rates):.0f} to {max(one.rates):.0f}   Tieback has {ratio:.2f} of it"
        )
        found[one.name] = {"rate": middle, "rates": one.rates, "tieback_ratio": round(ratio, 2)}
    return found


if __name__ == "__main__":
    sys.exit(main())
