"""How long the console's lists, searches and groups take over many runs in PostgreSQL.

    python -m bench.console --database postgresql://… [--runs 1000000] [--rounds 5]

One run in ten has failed. The database gets our tables and so many rows: use one made for it. What is timed are the verbs,
which pages, API and command line share.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text

from config.settings import load
from console.verbs import failing, looking, overviewing, showing, standing
from console.verbs.at_hand import AtHand
from store import board, definitions, migrate
from store.session import open_engine, reading, writing

EVENTS = """
INSERT INTO tieback_events (connector, event_key, source, action, resource_name, resource_id, company_id, project_id, user_id,
  app_id, timestamp, payload_version, state, hop, created_at)
SELECT 'acme', 'e' || n, 'webhook', 'update', 'RFIs', (n % 50000)::text, '1', (n % 40)::text, '', '', now(), 'v4.0', 'matched', 0,
  now() - make_interval(secs => (:runs - n) * 604800.0 / :runs)
FROM generate_series(1, :runs) AS n
"""
RUNS = """
INSERT INTO tieback_runs (event_id, automation, version_id, trigger, stage, connector, record_key, state, attempt, lost, fence,
  lane, created_at, started_at, finished_at, error)
SELECT e.id, 'rule-' || (e.id % 20), :version, 't', 'live', 'acme', 'acme/rfis/' || e.resource_id,
  CASE WHEN e.id % 10 = 0 THEN 'failed' ELSE 'ok' END, 1, 0, 1, 'webhook', e.created_at, e.created_at, e.created_at,
  CASE WHEN e.id % 10 = 0 THEN
    jsonb_build_object('kind', 'http_429', 'message', '429 on /a/' || e.id || ' of rule ' || e.id % 7) END
FROM tieback_events AS e ORDER BY e.id
"""


def main() -> int:
    options = _options()
    settings = load({"TIEBACK_DATABASE_URL": options.database}, Path.cwd())
    engine = open_engine(settings)
    migrate.upgrade(engine)
    here = AtHand(settings, engine, "bench")
    _fill(here, options.runs)
    for name, ask in _questions(here).items():
        took = [_timed(ask) for _ in range(options.rounds + 1)][1:]
        print(f"{name:34} median {statistics.median(took) * 1000:7.0f} ms   most {max(took) * 1000:7.0f} ms")
    engine.dispose()
    return 0


def _fill(here: AtHand, runs: int) -> None:
    with writing(here.engine) as db:
        if db.execute(text("SELECT count(*) FROM tieback_runs")).scalar_one() >= runs:
            return
        definitions.activate(db, "rule-0", "rule-0.yaml", "format: 1")
        version = definitions.active(db)[0].version_id
        db.execute(text(EVENTS), {"runs": runs})
        db.execute(text(RUNS), {"version": version})
    with here.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.execute(text("VACUUM ANALYZE"))


def _questions(here: AtHand) -> dict[str, Callable[[], object]]:
    return {
        "runs, the newest 50": lambda: looking.runs(here, 51),
        "runs, the failed ones": lambda: looking.runs(here, 51, state="failed"),
        "runs of one automation": lambda: looking.runs(here, 51, automation="rule-7"),
        "runs of one record": lambda: looking.runs(here, 51, resource="RFIs", record="31337"),
        "runs, failed, of one project, a day": lambda: looking.runs(here, 51, state="failed", project="7", hours=24.0),
        "runs with words in their error": lambda: looking.runs(here, 51, text="of rule 3"),
        "runs with words that are nowhere": lambda: looking.runs(here, 51, text="no such words"),
        "runs in no state that there is": lambda: looking.runs(here, 51, state="parked"),
        "events of one record": lambda: looking.events(here, 51, resource="RFIs", record="31337"),
        "one run with its story": lambda: showing.run(here, 1000),
        "failures by cause": lambda: failing.groups(here),
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


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--database", required=True)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
