"""What was recorded, as the tables of docs/reliability.md: `python -m tests.crash.lab.results RUNS [BUGS]`."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.crash.lab.__main__ import say
from tests.crash.lab.plan import PROFILES

Row = dict[str, Any]


def rows(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def of_runs(runs: list[Row]) -> str:
    lines = [
        "| profile | seeds | runs | acknowledged | faults | violations | uncertain | median s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for profile in PROFILES:
        mine = [one for one in runs if one["profile"] == profile]
        if not mine:
            continue
        seconds = sorted(one["seconds"] for one in mine)[len(mine) // 2]
        acked, faults = (sum(one["acked"] for one in mine), sum(sum(one["faults"].values()) for one in mine))
        wrong = sum(len(one["violations"]) for one in mine)
        uncertain = sum(one["uncertain"] for one in mine)
        seeds = spans({one["seed"] for one in mine})
        lines.append(f"| {profile} | {seeds} | {len(mine)} | {acked} | {faults} | {wrong} | {uncertain} | {seconds:.0f} |")
    return "\n".join(lines)


def spans(numbers: set[int]) -> str:
    """`1 to 4, 7` for 1, 2, 3, 4 and 7."""
    begins = sorted(number for number in numbers if number - 1 not in numbers)
    ends = sorted(number for number in numbers if number + 1 not in numbers)
    return ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in zip(begins, ends, strict=True))


def reached(runs: list[Row]) -> str:
    found: Counter[str] = Counter()
    for one in runs:
        found.update(one["sometimes"])
    return ", ".join(f"{name} {count}" for name, count in sorted(found.items()))


def of_bugs(bugs: list[Row]) -> str:
    lines = ["| planted bug | profile | seeds it took | first sign |", "|---|---|---|---|"]
    lines += [f"| {one['bug']} | {one['profile']} | {one['seeds']} | {one['found']} |" for one in bugs]
    return "\n".join(lines)


if __name__ == "__main__":
    known = rows(Path(sys.argv[1]))
    say(f"{of_runs(known)}\n\nReached: {reached(known)}.")
    if len(sys.argv) > 2:
        say(f"\n{of_bugs(rows(Path(sys.argv[2])))}")
