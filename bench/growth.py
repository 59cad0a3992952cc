"""What becomes slower when much is stored: at 10,000 and 1,000,000 events, in the production profile.

    python -m bench.growth [--sizes 10000,1000000] [--most] [--events 1000] [--rounds 3] [--json FILE]

`--most` adds 10,000,000. For each size: a new database filled by SQL, events with a run each over a week; the door takes
events in, with nobody working; relay and worker then sort, match, claim, run and finish them (deletions, so that nothing is
read from Procore); the console's lists; what a tenth of the oldest costs to purge, 20,000 events at most. Sizes of tables
are those of the filled database; bytes per event are what the events that really went through left behind.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from bench import load
from bench.console import fill, timed_lists
from bench.event_row import events
from bench.production import Production, production, save
from console.verbs.at_hand import AtHand
from store.session import open_engine
from workers.purging import purge

RULE = """\
format: 1
id: note
stage: live
when:
  - webhook: {connector: acme, resource: RFIs, actions: [delete]}
do:
  - {id: keep, use: set, with: {about: "${event.resource_id}"}}
"""
SIZES = """
SELECT relname, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class
WHERE relkind = 'r' AND relname LIKE 'tieback_%' ORDER BY pg_total_relation_size(oid) DESC
"""
PATH = """
SELECT extract(epoch FROM max(finished_at) - min(e.created_at)) FROM tieback_runs r JOIN tieback_events e ON e.id = r.event_id
WHERE r.automation = 'note'
"""
CONNECTIONS = 16
LONGEST_S = 1800.0
MOST_PURGED = 20_000
WEEK_DAYS = 7.0


def main() -> int:
    options = _options()
    sizes = [*options.sizes, 10_000_000] if options.most else options.sizes
    found = {}
    for size in sizes:
        with production({"note": RULE}, processes=("web",)) as running:
            found[str(size)] = _measured(running, size, options)
        _tell(size, found[str(size)])
    save(options.json, {"sizes": found})
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=lambda text: [int(one) for one in text.split(",")], default=[10_000, 1_000_000])
    parser.add_argument("--most", action="store_true", help="also at 10,000,000 events")
    parser.add_argument("--events", type=int, default=1000, help="events that go through, in each round")
    parser.add_argument("--rounds", type=int, default=3, help="of the door, and of each list")
    parser.add_argument("--json", help="also write the result to this file")
    return parser.parse_args()


def _measured(running: Production, size: int, options: argparse.Namespace) -> dict[str, Any]:
    engine = open_engine(running.settings)
    here = AtHand(running.settings, engine, "bench")
    fill(here, size)
    tables = _tables(running)
    doors = _doors(running, options)
    running.start("relay")
    running.start("worker")
    went = options.events * options.rounds
    running.until("SELECT count(*) FROM tieback_runs WHERE automation = 'note' AND state = 'ok'", went, LONGEST_S, 0.2)
    with psycopg.connect(running.database) as db:
        row = db.execute(PATH).fetchone()
    left = _tables(running)
    for name in ("worker", "relay"):
        running.end(name)
    lists = timed_lists(here, size, options.rounds)
    purged = _purge(here, size)
    engine.dispose()
    grown = sum(sum(one.values()) for one in left.values()) - sum(sum(one.values()) for one in tables.values())
    return {
        "door": {
            "rate": round(statistics.median(one.rate for one in doors)), "rates": [round(one.rate) for one in doors],
            "p99_ms": statistics.median(one.p99_ms for one in doors),
        },
        "path_per_s": round(went / float(row[0]), 1) if row and row[0] else 0.0,
        "lists": lists, "tables": tables, "bytes_per_event": round(grown / went), "purge": purged,
    }  # fmt: skip


def _doors(running: Production, options: argparse.Namespace) -> list[load.Result]:
    key = running.hook()
    found = []
    for number in range(options.rounds):
        first = 1 + number * options.events
        make = events(running.company, running.projects[0], key, lambda one, first=first: first + one, "delete")  # type: ignore[misc]
        found.append(load.run(running.stage.port, make, connections=CONNECTIONS, seconds=60, most=options.events))
    if wrong := sum(one.wrong for one in found):
        raise SystemExit(f"the door did not take {wrong} events")
    return found


def _tables(running: Production) -> dict[str, dict[str, int]]:
    """Bytes of each table, and of its indexes."""
    with psycopg.connect(running.database) as db:
        return {row[0]: {"table": row[1], "indexes": row[2]} for row in db.execute(SIZES)}


def _purge(here: AtHand, size: int) -> dict[str, Any]:
    share = min(0.1, MOST_PURGED / size)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        gone = purge(here.engine, Path(folder), WEEK_DAYS * (1 - share), 0.0)
    took = time.perf_counter() - began
    return {"events": gone["events"], "seconds": round(took, 2), "per_s": round(gone["events"] / took)}


def _tell(size: int, found: dict[str, Any]) -> None:
    slowest = max(found["lists"], key=lambda name: found["lists"][name]["median_ms"])
    print(
        f"{size:>10,} events: the door takes {found['door']['rate']} per s, p99 {found['door']['p99_ms']} ms;"
        f" {found['path_per_s']} per s go through; the slowest list, {json.dumps(slowest)}:"
        f" {found['lists'][slowest]['median_ms']:.0f} ms; {found['purge']['per_s']} per s are purged;"
        f" an event leaves {found['bytes_per_event']} bytes"
    )
    for name, one in list(found["tables"].items())[:3]:
        print(f"{'':10} {name}: {one['table'] / 2**20:.0f} MB and {one['indexes'] / 2**20:.0f} MB of indexes")


if __name__ == "__main__":
    sys.exit(main())
