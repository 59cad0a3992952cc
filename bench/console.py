"""How long the console's lists, searches and groups take over many runs in PostgreSQL, and what a bulk retry costs the door.

    python -m bench.console [--database postgresql://…] [--runs 1000000] [--rounds 5] [--seconds 5]

One run in ten has failed. A database that is named gets our tables and so many rows; else it is a throw-away one. What is
timed are the verbs, which pages, API and command line share. Then half of the failed runs are retried as one operation by
a worker process, which also does the runs, while a door process takes deliveries; what the door does with an idle worker
is the measure.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bench import accept
from bench import load as door
from bench.databases import database
from config.settings import Settings, load
from console.verbs import failing, looking, operating, overviewing, showing, standing
from console.verbs.at_hand import AtHand
from store import board, cause_names, definitions, migrate
from store.session import open_engine, reading, writing

CONNECTIONS = 8
RULE = """\
format: 1
id: rule-0
stage: live
when: [{manual: {}}]
do: [{id: keep, use: set, with: {about: "${event.resource_id}"}}]
"""
EVENTS = """
INSERT INTO tieback_events (connector, event_key, source, action, resource_name, resource_id, company_id, project_id, user_id,
  app_id, timestamp, payload_version, state, hop, created_at)
SELECT 'acme', 'e' || n, 'webhook', 'update', 'RFIs', (n % 50000)::text, '1', (n % 40)::text, '', '', now(), 'v4.0', 'matched', 0,
  now() - make_interval(secs => (:runs - n) * 604800.0 / :runs)
FROM generate_series(1, :runs) AS n
"""
RUNS = """
INSERT INTO tieback_runs (event_id, automation, version_id, trigger, stage, connector, record_key, state, attempt, lost, fence,
  lane, gathered, created_at, started_at, finished_at, error, cause)
SELECT e.id, 'rule-' || (e.id % 20), :version, 't', 'live', 'acme', 'acme/rfis/' || e.resource_id,
  CASE WHEN e.id % 10 = 0 THEN 'failed' ELSE 'ok' END, 1, 0, 1, 'webhook', 1, e.created_at, e.created_at, e.created_at,
  CASE WHEN e.id % 10 = 0 THEN
    jsonb_build_object('kind', 'http_429', 'message', '429 on /a/' || e.id || ' of rule ' || chr(97 + (e.id % 7)::int)) END,
  CASE WHEN e.id % 10 = 0 THEN (CAST(:causes AS text[]))[e.id % 7 + 1] END
FROM tieback_events AS e ORDER BY e.id
"""
# What an earlier call has retried, as it was; half of the failed runs are of this automation.
AGAIN = """
UPDATE tieback_runs SET state = 'failed', lane = 'webhook', finished_at = created_at, run_after = NULL,
  error = '{"kind": "http_429", "message": "429"}'
WHERE automation = 'rule-0' AND event_id % 10 = 0 AND state <> 'failed'
"""


def main() -> int:
    options = _options()
    if options.work:
        _work(_settings(options.database))
    with database(options.database) as url:
        return _measure(url, options)


def _measure(url: str, options: argparse.Namespace) -> int:
    settings = _settings(url)
    engine = open_engine(settings)
    migrate.upgrade(engine)
    here = AtHand(settings, engine, "bench")
    fill(here, options.runs)
    lists = timed_lists(here, options.runs, options.rounds)
    for name, one in lists.items():
        print(f"{name:34} median {one['median_ms']:7.0f} ms   most {one['most_ms']:7.0f} ms")
    bulk = _bulk(here, url, options.seconds)
    engine.dispose()
    if options.json:
        Path(options.json).write_text(json.dumps({"runs": options.runs, "lists": lists, "bulk": bulk}, indent=1) + "\n")
    return 0


def timed_lists(here: AtHand, runs: int, rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds of each question; the first asking of all warms up and is not counted."""
    found = {}
    for name, ask in _questions(here, runs).items():
        took = [1000 * _timed(ask) for _ in range(rounds + 1)][1:]
        found[name] = {"median_ms": round(statistics.median(took), 1), "most_ms": round(max(took), 1)}
    return found


def _settings(database: str) -> Settings:
    return load({"TIEBACK_DATABASE_URL": database, "TIEBACK_SECRET_KEYS": accept.KEYS, "TIEBACK_LOG_LEVEL": "ERROR"}, Path.cwd())


def fill(here: AtHand, runs: int) -> None:
    """So many events with a run each, spread over a week, where there are not so many yet."""
    with writing(here.engine) as db:
        if db.execute(text("SELECT count(*) FROM tieback_runs")).scalar_one() < runs:
            definitions.activate(db, "rule-0", "rule-0.yaml", RULE)
            version = definitions.active(db)[0].version_id
            causes = [cause_names.cause_of("http_429", f"429 on /a/1 of rule {chr(97 + n)}") for n in range(7)]
            db.execute(text(EVENTS), {"runs": runs})
            db.execute(text(RUNS), {"version": version, "causes": causes})
        db.execute(text(AGAIN))
    with here.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.execute(text("VACUUM ANALYZE"))


def _questions(here: AtHand, runs: int) -> dict[str, Callable[[], object]]:
    of_rule = {"where": {"automation": "rule-0"}}
    return {
        "runs, the newest 50": lambda: looking.runs(here, 51),
        "runs, the failed ones": lambda: looking.runs(here, 51, state="failed"),
        "runs of one automation": lambda: looking.runs(here, 51, automation="rule-7"),
        "runs of one record": lambda: looking.runs(here, 51, resource="RFIs", record="31337"),
        "runs, failed, of one project, a day": lambda: looking.runs(here, 51, state="failed", project="7", hours=24.0),
        "runs with words in their error": lambda: looking.runs(here, 51, text="of rule c"),
        "runs with words that are nowhere": lambda: looking.runs(here, 51, text="no such words"),
        "runs in no state that there is": lambda: looking.runs(here, 51, state="parked"),
        "runs of one cause": lambda: looking.runs(here, 51, cause=cause_names.cause_of("http_429", "429 on /a/1 of rule c")),
        "events of one record": lambda: looking.events(here, 51, resource="RFIs", record="31337"),
        "one run with its story": lambda: showing.run(here, min(1000, runs)),
        "failures by cause": lambda: failing.groups(here),
        "the count before a bulk retry": lambda: operating.preview(here, "retry", of_rule),
        "the verdict": lambda: standing.verdict(here),
        "the runs of a week, counted anew": lambda: _week(here),
        "the overview": lambda: overviewing.overview(here),
    }


def _week(here: AtHand) -> object:
    with reading(here.engine) as db:
        return board.finished(db, 604_800, 14_400, None)


def _timed(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return time.perf_counter() - began


# The bulk retry, and the door beside it


def _bulk(here: AtHand, url: str, seconds: float) -> dict[str, Any]:
    with contextlib.ExitStack() as stack:
        served = accept.start(stack, "door", url, "door")
        command = [sys.executable, "-m", "bench.console", "--work", "--database", url]
        working = accept.run_along(stack, command, stdout=subprocess.PIPE)
        assert working.stdout is not None
        working.stdout.readline()
        _told("the door, worker idle", [_round(served, seconds) for _ in range(2)][1:])
        id, began = operating.start(here, "retry", {"where": {"automation": "rule-0"}}), time.perf_counter()
        rounds = []
        while (found := operating.shown(here, id))["state"] not in operating.RESTS:
            rounds.append(_round(served, seconds))
        took = time.perf_counter() - began
        _told("the door while runs are retried", rounds)
        print(f"bulk retry: {found['done']} of {found['total']} runs due again, {found['state']}, within {took:.0f} s")
        _told("the door while they are done", [_round(served, seconds) for _ in range(2)])
        print(f"its newest runs after that: {operating.shown(here, id)['outcomes']}")
    return {"runs": found["done"], "seconds": round(took, 1), "door_p99_ms": max((one.p99_ms for one in rounds), default=0.0)}


def _round(served: accept.Contestant, seconds: float) -> door.Result:
    make = accept.deliveries_of(served.key, str(time.time_ns()))
    return door.run(served.port, make, connections=CONNECTIONS, seconds=seconds)


def _told(name: str, rounds: list[door.Result]) -> None:
    if rounds:
        p50, rate = (statistics.median(getattr(one, field) for one in rounds) for field in ("p50_ms", "rate"))
        worst, wrong = max(one.p99_ms for one in rounds), sum(one.wrong for one in rounds)
        print(f"{name:34} p50 {p50:6.1f} ms   worst p99 {worst:6.1f} ms   {rate:6.0f} per s   {wrong} wrong")


def _work(settings: Settings) -> None:
    """A worker and a relay until SIGTERM; says so once it works."""
    from workers.whole import Whole

    with tempfile.TemporaryDirectory() as site:
        given = load({**settings.env, "TIEBACK_SITE": site}, Path.cwd())
        Whole(given, "all").start()
        print("works", flush=True)
        threading.Event().wait()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--database", default="", help="a PostgreSQL URL; a throw-away server when none is named")
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long a round at the door takes")
    parser.add_argument("--json", help="also write the result to this file")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
