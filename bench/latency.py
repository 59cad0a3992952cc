"""How long it takes from a change at Procore to its first effect, in the production profile: idle, and during a full import.

    python -m bench.latency [--events 40] [--apart 3.0] [--every 1.0] [--import-count 100000] [--json FILE]

A record changes in a pretend Procore, which sends its webhook; the rule calls a small server of ours. The clock runs from
the moment the change was asked for until the call arrives. When idle, changes are further apart than the two seconds in
which changes of a project are gathered for one reading; in a flow, as during the import, they are not, and most of them wait
for these seconds. During the import, which no quota slows, the changes are of another project's records; they go on until
the import ends, at least so many as when idle.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bench.production import Production, production, save
from console.demo.children import Child

RULE = """\
format: 1
id: tell
stage: live
when:
  - webhook: {connector: acme, resource: RFIs, actions: [update]}
do:
  - use: http.call
    with: {to: "http:sink", method: POST, path: "/", json: {subject: "${record.subject}"}}
"""
WAIT_S = 60.0
GOALS = {"idle": 1.0, "in a flow": 5.0, "during an import": 5.0}


class Sink:
    """A server that notes when each subject arrived."""

    def __init__(self) -> None:
        self.arrived: dict[str, float] = {}
        self.changed = threading.Condition()

    def note(self, body: bytes) -> None:
        at = time.monotonic()
        subject = body.decode().split('"')[3]
        with self.changed:
            self.arrived.setdefault(subject, at)
            self.changed.notify_all()

    def when(self, subject: str) -> float | None:
        with self.changed:
            self.changed.wait_for(lambda: subject in self.arrived, WAIT_S)
            return self.arrived.get(subject)


@contextmanager
def served(sink: Sink) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            sink.note(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def main() -> int:
    options = _options()
    sink = Sink()
    with served(sink) as url, production({"tell": RULE}, sink=url, fill=options.import_count) as running:
        running.stage.tieback("hooks", "apply")
        records = _records(running)
        _round(running, sink, records, 3, options.every)  # the first of all opens connections
        idle = _round(running, sink, records, options.events, options.apart)
        flow = _round(running, sink, records, options.events, options.every)
        importing, began = _import(running), time.monotonic()
        busy = _round(running, sink, records, options.events, options.every, importing)
        while importing.code() is None:
            time.sleep(0.1)
        seconds = time.monotonic() - began
        importing.end()
    found = {"idle": _told(idle), "in a flow": _told(flow), "during an import": _told(busy)}
    for name, one in found.items():
        print(
            f"{name:18} p50 {one['p50_s']:6.3f} s   p95 {one['p95_s']:6.3f} s   most {one['most_s']:6.3f} s"
            f"   {one['events']} events, {one['lost']} lost  (target p95 < {GOALS[name]:g} s)"
        )
    print(f"the import of {options.import_count} records took {seconds:.1f} s beside them, exit {importing.code()}")
    save(options.json, {**found, "import_seconds": round(seconds, 1), "import_code": importing.code()})
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=40)
    parser.add_argument("--apart", type=float, default=3.0, help="seconds from one change to the next when idle")
    parser.add_argument("--every", type=float, default=1.0, help="the same in a flow and during the import")
    parser.add_argument("--import-count", type=int, default=100_000, help="records of the import")
    parser.add_argument("--json", help="also write the result to this file")
    return parser.parse_args()


def _records(running: Production) -> tuple[str, list[int]]:
    """Twenty records of another project than the one that is imported."""
    project = running.projects[1]
    wish = {"resource": "RFIs", "verb": "create", "project_id": int(project), "count": 20}
    ids = list(running.control("/_sim/change", wish)["ids"])
    running.quiet()
    return project, ids


def _round(
    running: Production, sink: Sink, records: tuple[str, list[int]], events: int, every_s: float, beside: Child | None = None
) -> list[float | None]:
    """Seconds until the effect of each change, None for one that never came. Goes on while `beside` runs."""
    project, ids = records
    began: list[tuple[str, float]] = []
    start = time.monotonic()
    while len(began) < events or (beside is not None and beside.code() is None):
        time.sleep(max(0.0, start + len(began) * every_s - time.monotonic()))
        subject = uuid.uuid4().hex
        wish = {"resource": "RFIs", "verb": "update", "project_id": int(project), "id": ids[len(began) % len(ids)]}
        began.append((subject, time.monotonic()))
        running.control("/_sim/change", {**wish, "fields": {"subject": subject}})
    took = [(sink.when(subject), at) for subject, at in began]
    return [None if arrived is None else arrived - at for arrived, at in took]


def _import(running: Production) -> Child:
    command = [sys.executable, "-m", "console.cli", "import", "acme", "RFIs", "--full", "--project", running.projects[0]]
    child = Child("import", command, running.stage.env, running.stage.folder / "import.log")
    running.stage.children.append(child)
    return child


def _told(took: list[float | None]) -> dict[str, Any]:
    came = sorted(one for one in took if one is not None)
    parts = {"p50_s": 0.5, "p95_s": 0.95, "most_s": 1.0}
    at = {name: round(came[int(part * (len(came) - 1))], 3) if came else WAIT_S for name, part in parts.items()}
    return {**at, "events": len(took), "lost": len(took) - len(came), "seconds": [round(one, 3) for one in came]}


if __name__ == "__main__":
    sys.exit(main())
