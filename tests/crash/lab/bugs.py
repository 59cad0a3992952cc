"""Whether the laboratory sees: each planted bug must be found. `python -m tests.crash.lab.bugs` prints how many seeds it took."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.crash.lab import batch
from tests.crash.lab import plan as plans
from tests.crash.lab.__main__ import SIDE_BY_SIDE, say
from tests.crash.lab.batch import Storm
from tests.crash.lab.check import Violation
from tests.crash.lab.inside.planted import BUGS
from tests.crash.lab.run import Result

MOST_SEEDS = 50
PATIENCE_S = 90.0
# Where a bug can show: SQLite has no link that is cut, and one process has but one clock.
PROFILE = {
    "ack_before_commit": "sqlite", "no_relay": "sqlite", "no_fence": "redis", "deferred_begin": "sqlite",
    "blind_post_retry": "sqlite", "dedupe_without_enqueue": "sqlite", "refuse_poison": "sqlite", "lease_by_wall_clock": "redis",
    "swallow_operational_error": "redis", "prune_running": "sqlite", "retry_403": "sqlite", "plain_comparison": "sqlite",
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.lab.bugs", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="all of them when left out")
    parser.add_argument("--events", type=int, default=150)
    parser.add_argument("--most", type=int, default=MOST_SEEDS, help="seeds per bug")
    parser.add_argument("--into", type=Path, default=Path(tempfile.gettempdir()) / "tieback-lab")
    parser.add_argument("--record", type=Path)
    parser.add_argument("--jobs", type=int, default=SIDE_BY_SIDE)
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    missed = 0
    for name in asked.names or list(BUGS):
        seeds, one = _search(name, asked.events, asked.most, asked.into, asked.jobs)
        found = str(one.violations[0]) if one.violations else "not found"
        missed += not one.violations
        say(f"{name:26} {PROFILE[name]:8} {seeds:>3} {found}")
        if asked.record:
            with asked.record.open("a") as file:
                file.write(json.dumps({"bug": name, "profile": PROFILE[name], "seeds": seeds, "found": found}) + "\n")
    return 1 if missed else 0


def _search(name: str, events: int, most: int, into: Path, jobs: int) -> tuple[int, Result]:
    """How many seeds it took, and the run that found it or the last one that did not.

    A run that proves nothing is no seed.
    """
    seeds = range(1, most + 1)
    storms = [Storm(plans.plan(seed, PROFILE[name], events), into, (name,), PATIENCE_S) for seed in seeds]
    results = batch.stood(storms, jobs)
    taken = 0
    for one in results:
        taken += not one.void
        if one.violations and (signs := _signs(one, Storm(one.plan, into, (), PATIENCE_S))):
            results.close()
            return taken, replace(one, violations=signs)
    return taken, replace(one, violations=[])


def _signs(one: Result, same: Storm) -> list[Violation]:
    """What it broke and the same storm without the bug does not."""
    (without,) = batch.stood([same], 1)
    also = {what.invariant for what in without.violations}
    return [] if without.void else [what for what in one.violations if what.invariant not in also]


if __name__ == "__main__":
    sys.exit(main())
