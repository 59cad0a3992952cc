"""Runs of the crash lab, one after the other, as a table. Exit code 1 for a violation or a batch that proves nothing."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from tests.crash.lab import plan as plans
from tests.crash.lab.run import Result, run
from tests.crash.lab.supervise import servers
from tests.crash.sweep import simulator

LARGE = 30  # runs from which on a batch must have seen every interesting state
HEAD = "  seed profile   faults events  acked violations uncertain  settled  seconds"


def main() -> int:
    asked = _arguments()
    logging.disable(logging.CRITICAL)
    results: list[Result] = []
    say(HEAD)
    for profile in asked.profiles:
        with servers(profile) as up:
            for seed in range(asked.seed, asked.seed + asked.seeds):
                with simulator() as far:  # a far end of its own for each run: nothing of another one can reach it
                    one = run(plans.plan(seed, profile, asked.events), far, up, asked.into, tuple(asked.bug), asked.patience)
                results.append(one)
                say(_line(one))
                _keep(asked.record, one)
                if asked.until_caught and one.violations:
                    break
    return _verdict(results)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.lab", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="runs per profile")
    parser.add_argument("--seed", type=int, default=1, help="the first of them")
    parser.add_argument("--events", type=int, default=150)
    parser.add_argument("--profiles", nargs="+", choices=plans.PROFILES, default=list(plans.PROFILES))
    parser.add_argument("--bug", action="append", default=[], help="plant a bug of inside/planted.py; it must be found")
    parser.add_argument("--until-caught", action="store_true", help="stop at the first violation")
    parser.add_argument("--patience", type=float, default=90.0, help="seconds to settle in")
    parser.add_argument(
        "--into", type=Path, default=Path(tempfile.gettempdir()) / "tieback-lab", help="where a failed run is kept"
    )
    parser.add_argument("--record", type=Path, help="a file that each run adds a line to")
    return parser.parse_args()


def _line(one: Result) -> str:
    settled = "never" if one.settled_s is None else f"{one.settled_s:.1f}"
    cells = (
        f"{one.plan.seed:>6} {one.plan.profile:9} {len(one.plan.faults):>6} {len(one.plan.sent):>6} {one.acked:>6} "
        f"{len(one.violations):>10} {one.uncertain:>9} {settled:>8} {one.seconds:>8.1f}"
    )
    wrong = [one.void] if one.void else []
    return "\n".join([cells, *(f"       {what}" for what in (*wrong, *one.violations[:5]))])


def _keep(path: Path | None, one: Result) -> None:
    if path is None:
        return
    faults = Counter(fault.what if fault.what == "sink" else f"{fault.what} {fault.target}".strip() for fault in one.plan.faults)
    row = {
        "seed": one.plan.seed, "profile": one.plan.profile, "faults": faults, "events": len(one.plan.sent), "acked": one.acked,
        "violations": [asdict(what) for what in one.violations], "uncertain": one.uncertain, "sometimes": one.sometimes,
        "settled_s": one.settled_s, "seconds": round(one.seconds, 1), "void": one.void,
    }  # fmt: skip
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def _verdict(results: list[Result]) -> int:
    reached: Counter[str] = Counter()
    for one in results:
        reached.update(one.sometimes)
    say("\nreached: " + ", ".join(f"{name} {count}" for name, count in sorted(reached.items())))
    missed = [name for name, count in reached.items() if not count]
    void = [one for one in results if one.void]
    if missed and len(results) >= LARGE:
        say(f"this batch proves nothing about: {', '.join(missed)}")
    violated = [one for one in results if one.violations]
    say(f"{len(results)} runs, {sum(one.acked for one in results)} deliveries acknowledged, {len(violated)} runs with violations")
    return 1 if violated or void or (missed and len(results) >= LARGE) else 0


if __name__ == "__main__":
    sys.exit(main())
