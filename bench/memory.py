"""Memory, open descriptors and starts of each process of the production profile; idle, under load, and over some minutes.

    python -m bench.memory [--minutes 5] [--rate 5] [--most] [--idle 10] [--json FILE]

Each line of the Procfile counts with all that it starts. Under load so many changed records a second come in, are read and
become rows; with `--most` twenty for a quarter of an hour, as many as 180 projects have in a day of 100 each. Memory and
descriptors are sampled all the time. After the first fifth, which warms up, a line is laid through the samples: its slope
says whether memory stays as it is.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from bench import processes
from bench.event_row import RULE, events
from bench.production import Production, production, save

ORDER = ("web", "relay", "worker", "console")
EVERY_S = 2.0
RECORDS = 2000
FLAT = 0.03  # of its mean: so much a line may rise over the whole time and be called flat
ENOUGH_S = 120.0
Sample = dict[str, tuple[float, int]]


def main() -> int:
    options = _options()
    if options.most:
        options.minutes, options.rate = 15.0, 20.0
    with production({"keep": RULE}, fill=RECORDS, processes=()) as running:
        for name in ORDER:
            running.start(name)
        idle = _sampled(running, options.idle)
        with _changes(running, options.rate):
            loaded = _sampled(running, options.minutes * 60)
        rows = running.one("SELECT count(*) FROM tieback_runs WHERE state = 'ok'")
    found = {
        "help_s": _help_s(), "minutes": options.minutes, "rate": options.rate, "runs": rows,
        "processes": {name: _told(running.ready_s[name], idle, loaded, name) for name in ORDER},
    }  # fmt: skip
    print(f"tieback --help: {found['help_s']} s; {rows} runs in {options.minutes:g} min at {options.rate:g} events per s")
    for name, one in found["processes"].items():
        print(
            f"{name:8} ready after {one['ready_s']:5.2f} s   idle {one['idle_mb']:6.1f} MB, {one['idle_fds']} descriptors"
            f"   under load {one['load_mb']:6.1f} MB, {one['load_fds']}   {one['verdict']}"
        )
    save(options.json, found)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0, help="of load")
    parser.add_argument("--rate", type=float, default=5.0, help="events per second")
    parser.add_argument("--most", action="store_true", help="a long day: 15 minutes at 20 events per second")
    parser.add_argument("--idle", type=float, default=10.0, help="seconds")
    parser.add_argument("--json", help="also write the result to this file")
    return parser.parse_args()


def _sampled(running: Production, seconds: float) -> list[tuple[float, Sample]]:
    """(seconds since the beginning, memory in MB and descriptors by name), every two seconds."""
    began = time.monotonic()
    found: list[tuple[float, Sample]] = []
    while not found or time.monotonic() - began < seconds:
        one: Sample = {}
        for name in ORDER:
            pids = processes.tree(running.children[name].pid)
            one[name] = (processes.resident_mb(pids), processes.descriptors(pids))
        found.append((time.monotonic() - began, one))
        time.sleep(min(EVERY_S, seconds / 4))
    return found


@contextmanager
def _changes(running: Production, rate: float) -> Iterator[None]:
    """Changed records and their events at this rate, one after the other, from a thread of ours."""
    project = int(running.projects[0])
    first = running.control("/_sim/fill", {"resource": "RFIs", "project_id": project, "count": RECORDS})["first_id"]
    make = events(running.company, str(project), running.hook(), lambda number: first + number % RECORDS)
    over = Event()

    def send() -> None:
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", running.stage.port, timeout=10)
        for number in itertools.count():
            if over.wait(max(0.0, began + number / rate - time.monotonic())):
                break
            wish = {"resource": "RFIs", "verb": "update", "project_id": project, "id": first + number % RECORDS}
            running.control("/_sim/change", wish)
            head, body = make(number).split(b"\r\n\r\n", 1)
            lines = [line.split(b": ", 1) for line in head.split(b"\r\n")[1:]]
            named = {name.decode(): value.decode() for name, value in lines}
            connection.request("POST", head.split()[1].decode(), body, named)
            connection.getresponse().read()
        connection.close()

    thread = Thread(target=send, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(15)


def _told(ready_s: float, idle: list[tuple[float, Sample]], loaded: list[tuple[float, Sample]], name: str) -> dict[str, Any]:
    warm = loaded[len(loaded) // 5 :]
    line = [(at, one[name][0]) for at, one in warm]
    slope = statistics.linear_regression(*zip(*line, strict=True)).slope if len(line) > 1 else 0.0
    mean = statistics.fmean(mb for _, mb in line)
    spans_s = line[-1][0] - line[0][0]
    verdict = f"grows {slope * 3600:.0f} MB per h" if slope * spans_s > FLAT * mean else "flat"
    return {
        "ready_s": ready_s, "idle_mb": idle[-1][1][name][0], "idle_fds": idle[-1][1][name][1],
        "load_mb": max(one[name][0] for _, one in loaded), "load_fds": max(one[name][1] for _, one in loaded),
        "slope_mb_per_h": round(slope * 3600, 1), "verdict": verdict if spans_s >= ENOUGH_S else "too short to say",
        "samples": [(round(at, 1), *one[name]) for at, one in loaded],
    }  # fmt: skip


def _help_s() -> float:
    """Median seconds of `tieback --help`, started as people start it."""
    took = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "console.cli", "--help"], check=True, stdout=subprocess.DEVNULL)
        took.append(time.perf_counter() - began)
    return round(statistics.median(took), 2)


if __name__ == "__main__":
    sys.exit(main())
