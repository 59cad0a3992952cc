"""How long a back-test of many stored events takes, and how much memory. The events are made here; nothing is called.

    python -m bench.backtest [--count 100000] [--database URL] [--json FILE]

Prints seconds (of the wall and of the processor), events per second and the peak of memory at a tenth and at the end: the
target is 100,000 in under 60 s, in constant memory.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import resource
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert

from automations.definition import load
from automations.scope import SiteTables
from config import settings as all_settings
from store import migrate
from store.models import Event, Record
from store.session import open_engine, writing
from workers import backtest

RULE = """\
format: 1
id: watch
stage: live
when:
  - id: moved
    webhook: {connector: acme, resource: RFIs, actions: [create, update]}
    field: status
    to: [closed]
if:
  - '!record.private'
flow:
  coalesce: {key: event.resource_id, quiet: 3s, max_wait: 30s}
  throttle: {key: event.project_id, rate: 500/1h, over: digest}
do:
  - id: row
    use: db.upsert
    with: {table: rfis, row: "${record}"}
  - id: tell
    use: notify.send
    with: {to: "slack:ops", text: "RFI ${record.number} is ${record.status}", once: "${record.id} ${record.updated_at}"}
"""
RECORDS, AT_ONCE, EVERY_S = 5000, 2000, 20


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--database", help="a database made for this; SQLite in a temporary folder when not given")
    parser.add_argument("--json", help="also write the result to this file")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        url = given.database or f"sqlite:///{Path(folder) / 'bench.db'}"
        env = {"TIEBACK_DATABASE_URL": url, "TIEBACK_SITE": folder}
        settings = all_settings.load(env, Path(folder))
        engine = open_engine(settings, pool_size=2)
        migrate.ready(engine, settings)
        began = time.perf_counter()
        since = made(engine, given.count)
        print(f"{given.count} events with their copies made in {time.perf_counter() - began:.1f} s")
        found = _measure(engine, given.count, since)
        engine.dispose()
    if given.json:
        Path(given.json).write_text(json.dumps(found, indent=1) + "\n")


def made(engine: Engine, count: int) -> dt.datetime:
    """Events of RFIs one every 20 s until now, each with the copy that was read for it."""
    since = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=EVERY_S * count)
    for start in range(0, count, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, count))
        with writing(engine) as db:
            db.execute(insert(Event), [_event(n, since + dt.timedelta(seconds=EVERY_S * n)) for n in numbers])
            db.execute(insert(Record), [_copy(n, since + dt.timedelta(seconds=EVERY_S * n + 2)) for n in numbers])
    return since - dt.timedelta(seconds=1)


def _event(number: int, at: dt.datetime) -> dict[str, Any]:
    return {
        "connector": "acme", "event_key": f"bench{number}", "source": "webhook", "action": "update", "resource_name": "RFIs",
        "resource_id": str(number % RECORDS), "company_id": "1", "project_id": str(number % 20), "user_id": "", "app_id": "",
        "timestamp": at, "payload_version": "v4.0", "parent": None, "body": None, "state": "matched", "reason": None,
        "reasons": None, "created_at": at,
    }  # fmt: skip


def _copy(number: int, at: dt.datetime) -> dict[str, Any]:
    status = ("draft", "open", "closed", "open")[(number // RECORDS + number) % 4]
    body = {
        "id": number % RECORDS, "number": str(number % RECORDS), "title": "Beam pocket depth at grid C4", "status": status,
        "private": False, "created_at": "2026-03-06T18:25:41Z", "updated_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "due_date": "2026-03-13", "assignee": {"id": 7002, "name": "Ana Ruiz", "locale": "en", "login": "ana@arch.example"},
        "questions": [{"id": 3301, "plain_text_body": "How deep is it? " * 20, "answers": []}],
    }  # fmt: skip
    return {
        "connector": "acme", "resource": "RFIs", "company_id": "1", "project_id": str(number % 20),
        "record_id": str(number % RECORDS), "record_hash": str(number), "updated_at": body["updated_at"], "body": body,
        "event_id": None, "fetched_at": at, "seen_at": at,
    }  # fmt: skip


def _measure(engine: Engine, count: int, since: dt.datetime) -> dict[str, Any]:
    peaks: list[int] = []

    def told(events: int) -> None:
        if events >= count // 10 and not peaks:
            peaks.append(_peak_mib())

    wall, cpu = time.perf_counter(), time.process_time()
    with _connections() as made_ones:
        found = backtest.run(engine, load(RULE, "watch.yaml"), since, SiteTables(), told=told)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{found.events} events back-tested in {wall:.1f} s, {cpu:.1f} s of the processor (target < 60 s)")
    print(f"would fire {found.would} times, {found.gathered} gathered, would call {found.calls}")
    print(f"errors {sum(found.errors.values())}, connections made {len(made_ones)}")
    print(f"peak of memory {peaks[0] if peaks else 0} MiB after a tenth, {_peak_mib()} MiB at the end")
    return {
        "events": found.events, "seconds": round(wall, 2), "processor_s": round(cpu, 2), "calls": len(made_ones),
        "early_mib": peaks[0] if peaks else 0, "peak_mib": _peak_mib(),
    }  # fmt: skip


@contextmanager
def _connections() -> Iterator[list[Any]]:
    """The addresses that any thread connects to meanwhile; a database over the network has its connections already."""
    made_ones: list[Any] = []

    class Counting(socket.socket):
        def connect(self, address: Any) -> None:
            made_ones.append(address)
            super().connect(address)

    plain, socket.socket = socket.socket, Counting  # type: ignore[misc]
    try:
        yield made_ones
    finally:
        socket.socket = plain  # type: ignore[misc]


def _peak_mib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
