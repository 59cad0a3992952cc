"""How fast the door takes deliveries in durably, against a Flask view that does nothing.

    python -m bench.accept [--database postgresql://…] [--processes 1] [--seconds 5] [--connections 64] [--rounds 3] [--slow-ms 2]
        [--json FILE]

The view stands on Granian, the fastest server tried, and once more on the door's own server; Node-RED's webhook
stands beside them where npm can install it. The door stands on SQLite, on PostgreSQL, and on a PostgreSQL whose every
fsync takes 2 ms longer; where no database is named the two are throw-away servers. Each contestant of ours has as many
processes on one socket; the rounds are interleaved, so that whatever else the machine does meets all alike. Ratios are
taken within a round, against the view on Granian. One more door on PostgreSQL has the two processes that deploy/ gives it,
where Node-RED cannot have more than one. Compare nothing across machines.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask, Response, request

from bench import peers, slowdisk
from bench.databases import database, missing
from bench.load import Result, run
from config import settings
from config.secrets import Box, Secret
from store import hooks, migrate
from store.session import open_engine, writing
from tests.services import answers, free_port, wait_until
from webhook.app import create_app, front
from webhook.front import Front
from webhook.serve import Server

SECRET = "Bearer " + "s" * 43
ON_POSTGRESQL = "door on PostgreSQL"
DEPLOYED = 2  # processes of `tieback web` in deploy/
AS_DEPLOYED = f"{ON_POSTGRESQL}, {DEPLOYED} processes"
KEYS = base64.urlsafe_b64encode(b"k" * 32).decode()


@dataclass
class Contestant:
    """Server processes on one socket, and what their rounds gave."""

    name: str
    port: int
    key: str
    results: list[Result] = field(default_factory=list)


def main() -> int:
    options = _options()
    if options.serve:
        _serve(options)
        return 0
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        sqlite = f"sqlite:///{folder}/tieback.db"
        contestants = [_granian(stack, options), start(stack, "noop", sqlite, "no-op view, our server", options.processes)]
        contestants.append(start(stack, "door", sqlite, "door on SQLite", options.processes))
        for name, url in _databases(stack, options):
            contestants.append(start(stack, "door", url, name, options.processes))
            if name == ON_POSTGRESQL and options.processes != DEPLOYED:
                contestants.append(start(stack, "door", url, AS_DEPLOYED, DEPLOYED))
        if left_out := peers.install("node-red", "node-red"):
            print(left_out)
        else:
            port = stack.enter_context(peers.node_red(Path(folder), peers.WEBHOOK))
            contestants.append(Contestant("Node-RED, keeps nothing", port, "k" * 43))
        _rounds(contestants, options)
        refusals = _refusals(contestants[2])
    _report(contestants, refusals, options)
    return 0


def _databases(stack: contextlib.ExitStack, options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """What the door's PostgreSQLs are called in the table, and their URLs."""
    if not options.database and (why := missing("postgresql")):
        print(f"PostgreSQL is left out: {why}")
    else:
        yield ON_POSTGRESQL, stack.enter_context(database(options.database))
    if not options.slow_ms:
        return
    if why := slowdisk.cannot():
        print(why)
    else:
        yield f"door, fsync {options.slow_ms:g} ms slower", stack.enter_context(slowdisk.slow_postgresql(options.slow_ms))


def run_along(stack: contextlib.ExitStack, command: list[str], **how: Any) -> subprocess.Popen[bytes]:
    """A process that ends with the stack."""
    process = stack.enter_context(subprocess.Popen(command, **how))
    stack.callback(process.terminate)
    return process


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="", help="a PostgreSQL URL; its database gets our tables and many rows")
    parser.add_argument("--processes", type=int, default=1, help="of each contestant")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slow-ms", type=float, default=2.0, help="milliseconds more for each fsync; 0 leaves this out")
    parser.add_argument("--json", help="also write the results to this file")
    parser.add_argument("--serve", choices=["noop", "door"], help=argparse.SUPPRESS)
    parser.add_argument("--fd", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def _granian(stack: contextlib.ExitStack, options: argparse.Namespace) -> Contestant:
    port = free_port()
    command = [
        str(Path(sys.executable).with_name("granian")), "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
        "--workers", str(options.processes), "--blocking-threads", "16", "--backpressure", "256", "--log-level", "critical",
        "--factory", "bench.accept:noop",
    ]  # fmt: skip
    run_along(stack, command, cwd=Path(__file__).parent.parent)
    wait_until(lambda: answers(port), 30, "Granian")
    return Contestant("no-op view, Granian", port, "k" * 43)


def start(stack: contextlib.ExitStack, kind: str, database: str, name: str, processes: int = 1) -> Contestant:
    """The no-op view or the door, on one socket, until the stack ends."""
    given = settings.load({"TIEBACK_DATABASE_URL": database, "TIEBACK_SECRET_KEYS": KEYS}, Path.cwd())
    key = _hook(given) if kind == "door" else "k" * 43
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        port = listener.getsockname()[1]
        command = [sys.executable, "-m", "bench.accept", "--serve", kind, "--database", database, "--fd", str(listener.fileno())]
        fds = (listener.fileno(),)
        for _ in range(processes):
            run_along(stack, command, pass_fds=fds)
    return Contestant(name, port, key)


def _rounds(contestants: list[Contestant], options: argparse.Namespace) -> None:
    for contestant in contestants:  # warm up
        run(contestant.port, deliveries_of(contestant.key, "warm"), connections=options.connections, seconds=1)
    for number in range(options.rounds):
        for contestant in contestants:
            make = deliveries_of(contestant.key, str(number))
            contestant.results.append(run(contestant.port, make, connections=options.connections, seconds=options.seconds))


def deliveries_of(key: str, mark: str) -> Any:
    """Requests with distinct deliveries in the size of a real one, for the hook of this key."""
    run_id = f"{mark}-{os.getpid()}-{time.time_ns()}"

    def make(number: int) -> bytes:
        body = json.dumps({
            "id": f"{run_id}-{number}", "timestamp": "2026-02-25T16:04:43.619085Z", "reason": "update", "company_id": "8",
            "project_id": "6778", "user_id": "5447", "resource_type": "RFIs", "resource_id": "379913",
        }).encode()  # fmt: skip
        return _request(key, SECRET, body)

    return make


def _request(key: str, secret: str, body: bytes) -> bytes:
    lines = f"POST /webhooks/{key} HTTP/1.1\r\nHost: door\r\nAuthorization: {secret}\r\n"
    return f"{lines}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _refusals(door: Contestant, count: int = 1000) -> dict[str, Any]:
    """Microseconds of a 401 for an unknown key, a wrong secret and one that ends wrong, in turns on one connection."""
    wanted = {
        "unknown key": _request("k" * 43, SECRET, b"{}"),
        "wrong secret": _request(door.key, "x" * 50, b"{}"),
        "nearly right secret": _request(door.key, SECRET[:-1] + "x", b"{}"),
    }
    took: dict[str, list[float]] = {name: [] for name in wanted}
    with socket.create_connection(("127.0.0.1", door.port)) as sock:
        for _ in range(count):
            for name, data in wanted.items():
                began = time.perf_counter()
                sock.sendall(data)
                answer = b""
                while not answer.endswith(b"unauthorized\n"):
                    answer += sock.recv(4096)
                took[name].append(1e6 * (time.perf_counter() - began))
    return {name: _spread(values) for name, values in took.items()}


def _spread(values: list[float]) -> dict[str, float]:
    quarters = statistics.quantiles(values, n=4)
    return {"median_us": round(quarters[1], 1), "quartile_1_us": round(quarters[0], 1), "quartile_3_us": round(quarters[2], 1)}


def _report(contestants: list[Contestant], refusals: dict[str, Any], options: argparse.Namespace) -> None:
    noop = contestants[0]
    each = f"{options.processes} process{'es' if options.processes > 1 else ''} each"
    rounds = f"{options.rounds} rounds of {options.seconds:g} s"
    print(f"{options.connections} connections, {each}, {rounds}, {os.cpu_count()} processors")
    print(f"{'':34}{'per second':>12}{'lowest':>9}{'highest':>9}{'p50 ms':>9}{'p99 ms':>9}{'ratio':>8}{'wrong':>7}")
    table = []
    for one in contestants:
        rates, p50, p99 = zip(*((result.rate, result.p50_ms, result.p99_ms) for result in one.results), strict=True)
        ratio = statistics.median(result.rate / base.rate for result, base in zip(one.results, noop.results, strict=True))
        row = {
            "name": one.name, "rate": round(statistics.median(rates)), "lowest": round(min(rates)), "highest": round(max(rates)),
            "p50_ms": round(statistics.median(p50), 2), "p99_ms": round(statistics.median(p99), 2),
            "ratio": round(ratio, 2), "wrong": sum(result.wrong for result in one.results),
        }  # fmt: skip
        widths = (12, 9, 9, 9, 9, 8, 7)
        print(
            f"{one.name:34}" + "".join(f"{value:>{width}}" for value, width in zip(list(row.values())[1:], widths, strict=True))
        )
        table.append({**row, "rounds": [asdict(result) for result in one.results]})
    print("\na 401, in microseconds: " + "; ".join(f"{name} {times['median_us']}" for name, times in refusals.items()))
    if options.json:
        Path(options.json).write_text(json.dumps({"contestants": table, "refusals": refusals}, indent=1) + "\n")


def _serve(options: argparse.Namespace) -> None:
    """Serve on the inherited socket until SIGTERM."""
    given = settings.load({"TIEBACK_DATABASE_URL": options.database, "TIEBACK_SECRET_KEYS": KEYS}, Path.cwd())
    if options.serve == "noop":
        app = Front(noop(), given)
    else:
        app = front(create_app(open_engine(given), Box(given.secret_keys), NoBell(), given), given)
    Server(app, socket.socket(fileno=options.fd)).run()


def noop() -> Flask:
    """A view that reads the body and says 204."""
    app = Flask("noop")

    @app.post("/webhooks/<key>")
    def take(key: str) -> Response:
        request.get_data()
        return Response(status=204)

    return app


class NoBell:
    def ring(self, actor: str, ids: list[int], lane: str = "webhook") -> None:
        """Nobody listens here."""


def _hook(given: settings.Settings) -> str:
    engine = open_engine(given)
    migrate.upgrade(engine)
    with writing(engine) as db:
        key = hooks.ensure(db, Box(given.secret_keys), f"bench-{time.time_ns()}", "8", "", Secret(SECRET))
    engine.dispose()
    return key


if __name__ == "__main__":
    sys.exit(main())
