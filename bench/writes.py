"""What an event costs PostgreSQL: transactions, rows, bytes of its log, and what stays; in the production profile.

    python -m bench.writes [--count 500] [--workers 1] [--connections 16] [--idle 10] [--json FILE]

Each event tells of an RFI of its own, which is read and becomes a row, by the rule of `bench.event_row`. Beside it stands what
the processes write in a second in which nothing happens. Only transactions that wrote something are counted.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import astuple, dataclass
from typing import Any

import psycopg

from bench import load
from bench.event_row import LONGEST_S, RULE, events
from bench.production import Production, production, save

WRITTEN = """
SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint,
       tup_inserted, tup_updated, tup_deleted, pg_database_size(current_database())
FROM pg_stat_database WHERE datname = current_database()
"""
TOLD_S = 11.0  # a process of PostgreSQL that rests tells its counts ten seconds late


@dataclass
class Written:
    """Since the server began: transactions that wrote, bytes of the log, rows; and the bytes of the database."""

    transactions: float
    wal_bytes: float
    inserted: float
    updated: float
    deleted: float
    bytes: float

    def since(self, before: Written, by: float) -> dict[str, float]:
        pairs = zip(self.__dataclass_fields__, astuple(self), astuple(before), strict=True)
        return {name: round((now - then) / by, 2) for name, now, then in pairs}


def main() -> int:
    options = _options()
    with production({"keep": RULE}, processes=("web", "relay")) as running:
        running.start("worker", options.workers)
        key = running.hook()
        _round(running, key, 50, options.connections)  # connections, and the first row makes the table
        before = _written(running)
        time.sleep(options.idle)
        idle = _written(running).since(before, options.idle + TOLD_S)
        before = _written(running)
        _round(running, key, options.count, options.connections)
        event = _written(running).since(before, options.count)
    for name, one in (("an event", event), ("a second of rest", idle)):
        print(f"{name:16} " + ", ".join(f"{value:g} {what.replace('_', ' ')}" for what, value in one.items()))
    save(options.json, {"count": options.count, "workers": options.workers, "event": event, "idle": idle})
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=500, help="events, each of a record of its own")
    parser.add_argument("--workers", type=int, default=1, help="worker processes")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--idle", type=float, default=10.0, help="seconds of rest that are looked at")
    parser.add_argument("--json", help="also write the result to this file")
    return parser.parse_args()


def _round(running: Production, key: str, count: int, connections: int) -> None:
    project = running.projects[0]
    first = running.control("/_sim/fill", {"resource": "RFIs", "project_id": int(project), "count": count})["first_id"]
    before = running.one("SELECT count(*) FROM rfis")
    make = events(running.company, project, key, lambda number: first + number)
    if wrong := load.run(running.stage.port, make, connections=connections, seconds=LONGEST_S, most=count).wrong:
        raise SystemExit(f"the door did not take {wrong} of {count} events")
    running.until("SELECT count(*) FROM rfis", before + count, LONGEST_S)
    running.quiet()


def _written(running: Production) -> Written:
    time.sleep(TOLD_S)
    with psycopg.connect(running.database, autocommit=True) as db:
        row: Any = db.execute(WRITTEN).fetchone()
    return Written(*map(float, row))


if __name__ == "__main__":
    sys.exit(main())
