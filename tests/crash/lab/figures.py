"""How long recovery takes, measured with the times of production: `python -m tests.crash.lab.figures [--write]`.

Each figure is of the Procfile's processes over PostgreSQL and Redis, two workers, on the machine at hand. `--write` puts the
table into docs/reliability.md.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import requests
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from store.beats import ALIVE_S
from store.leases import LEASE_S
from tests.crash.lab import plan, site
from tests.crash.lab.__main__ import say
from tests.crash.lab.settle import database
from tests.crash.lab.supervise import Stack, servers
from tests.crash.lab.target import Target
from tests.crash.sweep import simulator
from tests.crash.tree import ROOT
from tests.services import Server, wait_until

PAGE = ROOT / "docs/reliability.md"
BEGIN, END = "<!-- figures: made by python -m tests.crash.lab.figures --write -->", "<!-- end of figures -->"
KILLS, FLUSHES, RESTARTS, FREEZES = 3, 20, 5, 3
DEAD_S = 600.0
RATE = 5.0
HELD = "SELECT id, fence, holder FROM tieback_runs WHERE state = 'running'"


@dataclass(frozen=True)
class Row:
    what: str
    goal: str
    measured: str


class Bench:
    """A stack at work, and what is sent to it."""

    def __init__(self, stack: Stack, target: Target, up: dict[str, Server], secret: str):
        self.stack, self.target, self.up, self.secret = stack, target, up, secret
        self.url = f"http://127.0.0.1:{stack.port}/webhooks/{stack.hook_key}"
        self.sent = 0

    def post(self) -> tuple[str, int | None]:
        """A delivery about a record that has just changed: its id, and the answer."""
        self.sent += 1
        record, id = self.target.records[self.sent % len(self.target.records)], f"figure-{self.sent:06d}"
        self.target.change(record, id)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1))
        one = plan.Sent(0.0, id, "event", 0, "v4.0")
        made = site.body(one, self.stack.far.company_id, self.stack.far.project_id, record, stamp)
        return id, self.deliver(made)

    def deliver(self, made: bytes) -> int | None:
        headers = {"Content-Type": "application/json", "Authorization": self.secret}
        with suppress(requests.RequestException):
            return requests.post(self.url, data=made, headers=headers, timeout=5).status_code
        return None

    def ask(self, query: str) -> list[tuple[object, ...]]:
        with database(self.stack.database_url) as db:
            return [tuple(row) for row in db.execute(text(query))]

    def until(self, reached: Callable[[], bool], seconds: float, what: str) -> float:
        began = time.monotonic()
        wait_until(reached, seconds, what)
        return time.monotonic() - began

    def calm(self) -> None:
        open_ = "SELECT 1 FROM tieback_runs WHERE state IN ('waiting', 'running') LIMIT 1"
        wait_until(lambda: not self.ask(open_), 180, "calm")

    def row_of(self, id: str) -> bool:
        return bool(self.ask(f"SELECT 1 FROM kept WHERE event = '{id}'"))


@contextmanager
def bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="tieback-figures-") as folder, servers("redis") as up, simulator() as far:
        target = Target(far)
        target.prepare(12)
        stack = Stack(Path(folder), far, plan.plan(0, "redis", 0), up)
        stack.env["PYTHONPATH"] = str(ROOT)  # without what the laboratory shortens
        try:
            here = stack.prepare()
            for name in ("keyed", "once"):  # a call may take long
                path = here.site / f"destinations/{name}.yaml"
                path.write_text(path.read_text().replace("timeout: 1.5s", "timeout: 25s"))
            stack.begin()
            one = Bench(stack, target, up, stack.subscribe(here))
            one.post()
            wait_until(lambda: bool(one.ask("SELECT to_regclass('kept')")[0][0]), 60, "the first row")
            one.calm()
            yield one
        finally:
            stack.end()
            stack.drop()


def p(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def reclaim(one: Bench) -> Row:
    """From SIGKILL of a worker in the middle of its calls to another claim of what it held."""
    waits: list[float] = []
    for _ in range(KILLS):
        for sink in ("keyed", "once"):
            one.target.misbehave(sink, "slow", 25, 1.0)
        for _ in range(4):
            one.post()
        wait_until(lambda: len(one.ask(HELD)) >= 4, 60, "runs in the middle of a call")
        before = {row[0]: (row[1], int(str(row[2]).split(":")[1])) for row in one.ask(HELD)}
        pid = next(pid for _, pid in before.values())
        mine = {id: fence for id, (fence, by) in before.items() if by == pid}
        one.target.behave()
        os.kill(pid, signal.SIGKILL)
        began, missing = time.monotonic(), set(mine)
        while missing and time.monotonic() - began < 90:
            ids = ", ".join(map(str, missing))
            for id, fence in one.ask(f"SELECT id, fence FROM tieback_runs WHERE id IN ({ids})"):
                if int(str(fence)) > int(str(mine[id])):
                    waits.append(time.monotonic() - began)
                    missing.discard(id)
            time.sleep(0.05)
        assert not missing, f"never taken again: {missing}"
        one.calm()
    measured = (
        f"p50 {median(waits):.1f} s, p95 {p(waits, 0.95):.1f} s ({len(waits)} runs of {KILLS} kills; the lease is {LEASE_S} s)"
    )
    return Row("worker SIGKILL → its work claimed again", "≤ lease + 2 s", measured)


def flushed(one: Bench) -> Row:
    def latency(flush: bool) -> float:
        id, status = one.post()
        assert status == 204
        began = time.monotonic()
        if flush:
            one.stack.flush()
        wait_until(lambda: one.row_of(id), 60, f"the row of {id}")
        return time.monotonic() - began

    plain = [latency(False) for _ in range(FLUSHES)]
    after = [latency(True) for _ in range(FLUSHES)]
    one.calm()
    extra = p(after, 0.95) - median(plain)
    measured = f"p95 {extra:.2f} s more than the usual {median(plain):.2f} s ({FLUSHES} deliveries, each followed by a FLUSHALL)"
    return Row("Redis FLUSHALL", "p95 < 5 s extra", measured)


def dead_broker(one: Bench) -> Row:
    def flow(seconds: float) -> tuple[list[int | None], float]:
        """What the door answered, and how many runs were ok per second."""
        count = "SELECT count(*) FROM tieback_runs WHERE automation = 'kept' AND state = 'ok'"
        before, began, answers = int(str(one.ask(count)[0][0])), time.monotonic(), []
        while time.monotonic() - began < seconds:
            answers.append(one.post()[1])
            time.sleep(max(0.0, began + len(answers) / RATE - time.monotonic()))
        return answers, (int(str(one.ask(count)[0][0])) - before) / (time.monotonic() - began)

    _, usual = flow(20)
    one.calm()
    one.up["broker"].kill()
    answers, meanwhile = flow(DEAD_S)
    one.up["broker"].start()
    one.calm()
    good = sum(1 for status in answers if status == 204)
    measured = (
        f"{good} of {len(answers)} answered 2xx; work went on at {100 * meanwhile / usual:.0f} % of its rate of {usual:.1f} "
        f"events a second (dead for {DEAD_S:.0f} s)"
    )
    return Row("Redis dead ten minutes", "door 100 % 2xx, work ≥ 50 %", measured)


def killed_database(one: Bench) -> Row:
    over: list[float] = []
    for _ in range(RESTARTS):
        wrong: list[float] = []
        stop = threading.Event()

        def probe(wrong: list[float] = wrong, stop: threading.Event = stop) -> None:
            while not stop.wait(0.05):
                if one.post()[1] != 204:
                    wrong.append(time.monotonic())

        asking = threading.Thread(target=probe, daemon=True)
        asking.start()
        time.sleep(1.0)
        one.up["database"].kill()
        one.up["database"].start()
        back = time.monotonic()
        time.sleep(8.0)
        stop.set()
        asking.join(10)
        over.append(max(0.0, max(wrong, default=back) - back))
        with suppress(SQLAlchemyError):
            one.calm()
    measured = f"at most {max(over):.1f} s after it accepted connections again ({RESTARTS} kills, one probe each 50 ms)"
    return Row("PostgreSQL SIGKILL", "5xx no longer than its restart + 2 s", measured)


def frozen_workers(one: Bench) -> Row:
    waits: list[float] = []
    for _ in range(FREEZES):
        wait_until(one.stack.ready, 60, "readiness")
        frozen = one.stack.of_role("worker")
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        try:
            waits.append(one.until(lambda: not one.stack.ready(), 90, "a health that tells"))
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)
    measured = f"at most {max(waits):.1f} s ({FREEZES} times; a sign of life is missed after {ALIVE_S:.0f} s)"
    return Row("all workers frozen → not ready", "within 60 s", measured)


def table(rows: list[Row]) -> str:
    when = time.strftime("%d %B %Y", time.gmtime())
    here = f"{os.cpu_count()} processors at a load of {os.getloadavg()[1]:.0f}, Python {platform.python_version()}"
    lines = [f"Of {when}, on {here}.", "", "| what | goal | measured |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {row.what} | {row.goal} | {row.measured} |" for row in rows)])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.lab.figures", description=__doc__)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    rows = []
    with bench() as one:
        for figure in (flushed, frozen_workers, killed_database, dead_broker, reclaim):
            rows.append(figure(one))
            say(f"{rows[-1].what}: {rows[-1].measured}")
    if asked.write:
        head, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(f"{head}{BEGIN}\n\n{table(rows)}\n\n{END}{rest.partition(END)[2]}", "utf-8")


if __name__ == "__main__":
    main()
