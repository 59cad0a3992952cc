"""How fast the door takes deliveries in durably, against a Flask view that does nothing on the same server.

    python -m bench.accept [--database postgresql://…] [--seconds 5] [--connections 64] [--rounds 3] [--json FILE]

Each contestant is a process of its own with one server; the rounds are interleaved, so that whatever else
the machine does meets all alike. Ratios are taken within a round. Compare nothing across machines.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.load import Result, run

SECRET = "Bearer " + "s" * 43


@dataclass
class Contestant:
    """A server process, and what its rounds gave."""

    name: str
    process: subprocess.Popen[str]
    port: int
    key: str
    results: list[Result] = field(default_factory=list)


def main() -> int:
    options = _options()
    if options.serve:
        _serve(options.serve, options.database)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        contestants = [_start("noop", ""), _start("door", f"sqlite:///{folder}/tieback.db", "door on SQLite")]
        if options.database:
            contestants.append(_start("door", options.database, "door on PostgreSQL"))
        try:
            _rounds(contestants, options)
            refusals = _refusals(contestants[1])
        finally:
            for contestant in contestants:
                contestant.process.terminate()
                contestant.process.communicate()
    _report(contestants, refusals, options)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="", help="a PostgreSQL URL; its database gets our tables and many rows")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="threads of each server; the door's own number by default")
    parser.add_argument("--json", help="also write the results to this file")
    parser.add_argument("--serve", choices=["noop", "door"], help=argparse.SUPPRESS)
    return parser.parse_args()


def _start(kind: str, database: str, name: str = "") -> Contestant:
    command = [sys.executable, "-m", "bench.accept", "--serve", kind, "--database", database, *sys.argv[1:]]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    port, key = process.stdout.readline().split()
    return Contestant(name or "no-op Flask view", process, int(port), key)


def _rounds(contestants: list[Contestant], options: argparse.Namespace) -> None:
    for contestant in contestants:  # warm up
        run(contestant.port, _requests(contestant, "warm"), connections=options.connections, seconds=1)
    for number in range(options.rounds):
        for contestant in contestants:
            make = _requests(contestant, str(number))
            contestant.results.append(run(contestant.port, make, connections=options.connections, seconds=options.seconds))


def _requests(contestant: Contestant, mark: str) -> Any:
    """Distinct deliveries in the size of a real one."""
    run_id = f"{mark}-{os.getpid()}-{time.time_ns()}"

    def make(number: int) -> bytes:
        body = json.dumps({
            "id": f"{run_id}-{number}", "timestamp": "2026-02-25T16:04:43.619085Z", "reason": "update", "company_id": "8",
            "project_id": "6778", "user_id": "5447", "resource_type": "RFIs", "resource_id": "379913",
        }).encode()  # fmt: skip
        return _request(contestant.key, SECRET, body)

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
    print(f"{options.connections} connections, {options.rounds} rounds of {options.seconds:g} s, {os.cpu_count()} processors")
    print(f"{'':22}{'per second':>12}{'lowest':>9}{'highest':>9}{'p50 ms':>9}{'p99 ms':>9}{'ratio':>8}{'wrong':>7}")
    table = []
    for one in contestants:
        rates, p50, p99 = zip(*((result.rate, result.p50_ms, result.p99_ms) for result in one.results), strict=True)
        ratio = statistics.median(result.rate / base.rate for result, base in zip(one.results, noop.results, strict=True))
        row = {
            "name": one.name, "rate": round(statistics.median(rates)), "lowest": round(min(rates)), "highest": round(max(rates)),
            "p50_ms": statistics.median(p50), "p99_ms": statistics.median(p99),
            "ratio": round(ratio, 2), "wrong": sum(result.wrong for result in one.results),
        }  # fmt: skip
        widths = (12, 9, 9, 9, 9, 8, 7)
        print(
            f"{one.name:22}" + "".join(f"{value:>{width}}" for value, width in zip(list(row.values())[1:], widths, strict=True))
        )
        table.append({**row, "rounds": [asdict(result) for result in one.results]})
    print("\na 401, in microseconds: " + "; ".join(f"{name} {times['median_us']}" for name, times in refusals.items()))
    if options.json:
        Path(options.json).write_text(json.dumps({"contestants": table, "refusals": refusals}, indent=1) + "\n")


def _serve(kind: str, database: str) -> None:
    """Print port and key, then serve until SIGTERM."""
    from config import settings
    from webhook.serve import THREADS, Server

    key = base64.urlsafe_b64encode(b"k" * 32).decode()
    given = settings.load({"TIEBACK_DATABASE_URL": database or "sqlite://", "TIEBACK_SECRET_KEYS": key}, Path.cwd())
    app, hook_key = _noop_app() if kind == "noop" else _door_app(given)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    Server(app, listener, given, _options().threads or THREADS).start()
    print(listener.getsockname()[1], hook_key, flush=True)
    threading.Event().wait()


def _noop_app() -> tuple[Any, str]:
    from flask import Flask, Response, request

    app = Flask("noop")

    @app.post("/webhooks/<key>")
    def take(key: str) -> Response:
        request.get_data()
        return Response(status=204)

    return app, "k" * 43


def _door_app(given: Any) -> tuple[Any, str]:
    from config.secrets import Box, Secret
    from store import hooks, migrate
    from store.session import open_engine, writing
    from webhook.app import create_app

    class NoBell:
        def ring(self, actor: str, ids: list[int], lane: str = "webhook") -> None:
            """Nobody listens here."""

    engine = open_engine(given)
    migrate.upgrade(engine)
    box = Box(given.secret_keys)
    with writing(engine) as db:
        key = hooks.ensure(db, box, f"bench-{time.time_ns()}", "8", "", Secret(SECRET))
    return create_app(engine, box, NoBell(), given), key


if __name__ == "__main__":
    sys.exit(main())
