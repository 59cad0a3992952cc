"""Runs of the crash lab, one after the other, as a table. Exit code 1 for a violation or a batch that proves nothing."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.crash.lab import batch
from tests.crash.lab import plan as plans
from tests.crash.lab.batch import Storm
from tests.crash.lab.run import Result

EVENTS = 100
SIDE_BY_SIDE = (os.cpu_count() or 1) + 1
LARGE = 30  # runs from which on a batch must have seen every interesting state
HEAD = "  seed profile   faults events  acked violations uncertain  settled  seconds"


def main() -> int:
    asked = _arguments()
    logging.disable(logging.CRITICAL)
    rows = _known(asked)
    done = {(row["seed"], row["profile"]) for row in rows}
    seeds = range(asked.seed, asked.seed + asked.seeds)
    # Profile by profile: whoever works on one keeps its servers.
    wanted = [(seed, profile) for n, profile in enumerate(asked.profiles) for seed in _of(seeds, n, asked)]
    left = [one for one in wanted if one not in done]
    say(f"{len(rows)} runs are known, {len(left)} to go, {asked.jobs} side by side\n{HEAD}")
    storms = [Storm(plans.plan(*one, asked.events), asked.into, tuple(asked.bug), asked.patience) for one in left]
    for one in batch.stood(storms, asked.jobs):
        rows.append(_row(one))
        say(_line(one))
        if asked.record:
            with asked.record.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
    return _verdict(rows)


def _of(seeds: range, place: int, asked: argparse.Namespace) -> range:
    """The seeds of the profile at this place."""
    return seeds[place :: len(asked.profiles)] if asked.in_turn else seeds


def _known(asked: argparse.Namespace) -> list[dict[str, Any]]:
    """What an interrupted batch of the same plans has recorded; runs that proved nothing are made again."""
    if asked.record is None or not asked.record.exists():
        return []
    rows = [json.loads(line) for line in asked.record.read_text("utf-8").splitlines()]
    seeds = range(asked.seed, asked.seed + asked.seeds)
    mine = [row for row in rows if row["seed"] in seeds and row["profile"] in asked.profiles]
    return [row for row in mine if row["events"] == asked.events and not row["void"]]


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.lab", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="runs per profile, or of all with --in-turn")
    parser.add_argument("--in-turn", action="store_true", help="the profiles take turns: each seed is run on one of them")
    parser.add_argument("--seed", type=int, default=1, help="the first of them")
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--profiles", nargs="+", choices=plans.PROFILES, default=list(plans.PROFILES))
    parser.add_argument("--bug", action="append", default=[], help="plant a bug of inside/planted.py; it must be found")
    parser.add_argument("--jobs", type=int, default=SIDE_BY_SIDE, help="storms side by side; they wait most of the time")
    parser.add_argument("--patience", type=float, default=90.0, help="seconds without progress after which a run has not settled")
    parser.add_argument(
        "--into", type=Path, default=Path(tempfile.gettempdir()) / "tieback-lab", help="where a failed run is kept"
    )
    parser.add_argument("--record", type=Path, help="a file that each run adds a line to; what it has is not run again")
    return parser.parse_args()


def _line(one: Result) -> str:
    settled = "never" if one.settled_s is None else f"{one.settled_s:.1f}"
    cells = (
        f"{one.plan.seed:>6} {one.plan.profile:9} {len(one.plan.faults):>6} {len(one.plan.sent):>6} {one.acked:>6} "
        f"{len(one.violations):>10} {one.uncertain:>9} {settled:>8} {one.seconds:>8.1f}"
    )
    wrong = [one.void] if one.void else []
    return "\n".join([cells, *(f"       {what}" for what in (*wrong, *one.violations[:5]))])


def _row(one: Result) -> dict[str, Any]:
    faults = Counter(fault.what if fault.what == "sink" else f"{fault.what} {fault.target}".strip() for fault in one.plan.faults)
    return {
        "seed": one.plan.seed, "profile": one.plan.profile, "faults": faults, "events": one.plan.events, "acked": one.acked,
        "violations": [asdict(what) for what in one.violations], "uncertain": one.uncertain, "sometimes": one.sometimes,
        "settled_s": one.settled_s, "seconds": round(one.seconds, 1), "void": one.void, "git": plans.made_of()["git"][:10],
    }  # fmt: skip


def _verdict(rows: list[dict[str, Any]]) -> int:
    reached: Counter[str] = Counter()
    for row in rows:
        reached.update(row["sometimes"])
    say("\nreached: " + ", ".join(f"{name} {count}" for name, count in sorted(reached.items())))
    missed = [name for name, count in reached.items() if not count]
    if missed and len(rows) >= LARGE:
        say(f"this batch proves nothing about: {', '.join(missed)}")
    void = [row for row in rows if row["void"]]
    violated = [row for row in rows if row["violations"]]
    acked = sum(row["acked"] for row in rows)
    say(
        f"{len(rows)} runs, {acked} deliveries acknowledged, {len(violated)} runs with violations, {len(void)} that prove nothing"
    )
    return 1 if violated or void or (missed and len(rows) >= LARGE) else 0


if __name__ == "__main__":
    sys.exit(main())
