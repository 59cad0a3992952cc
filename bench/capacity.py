"""How much a large installation needs, from a few assumptions: `python -m bench.capacity [--projects 10000] … [--page]`.

It measures nothing. What the other programs found on this machine (`build/bench/*.json`) takes the place of the defaults, what
is given as an option that of both. `--page` writes the answer for the defaults alone into docs/scaling.md.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.page import ROOT, read

PAGE = ROOT / "docs/scaling.md"
BEGIN, END = "<!-- calculated: begin (python -m bench.capacity --page) -->", "<!-- calculated: end -->"
DAY_S, HOUR_S = 86_400, 3600
THREADS, MORE_CONNECTIONS = 8, 6  # of a worker process: docs/operations.md, "Sizing"


@dataclass(frozen=True)
class Given:
    """An input: what it means, its default, and where a program of bench/ has measured it."""

    default: float
    meaning: str
    program: str = ""
    find: Callable[[dict[str, Any]], Any] = dict


INPUTS = {
    "contractors": Given(1000, "companies, with a connector and a quota each"),
    "projects": Given(10_000, "projects of all of them"),
    "events": Given(100, "events of a project in a day, as in the table of sizes (docs/operations.md)"),
    "hours": Given(10, "hours of a day in which people work"),
    "peak": Given(3, "how many times its mean the busiest of these hours has"),
    "calls": Given(1.2, "calls to Procore for an event: its record, and what some rules ask besides"),
    "quota": Given(600, "calls in an hour that Procore gives a connector (the smallest that it documents)"),
    "reserve": Given(0.02, "share of it that webhooks leave unused (docs/quota.md)"),
    "days": Given(30, "TIEBACK_RETENTION_DAYS"),
    "known": Given(400, "days for which the key of an event is kept"),
    "key_bytes": Given(700, "bytes of the line that is kept so long"),
    "use": Given(0.5, "share of its measured rate that a process is planned for"),
    "bytes": Given(15_000, "bytes that an event leaves, indexes and all", "growth",
                   lambda found: max(one["bytes_per_event"] for one in found["sizes"].values())),
    "transactions": Given(7, "transactions that write, for an event", "writes", lambda found: found["event"]["transactions"]),
    "rows": Given(27, "rows that an event inserts, updates or deletes", "writes",
                  lambda found: sum(found["event"][one] for one in ("inserted", "updated", "deleted"))),
    "wal_bytes": Given(21_000, "bytes of PostgreSQL's log for an event", "writes", lambda found: found["event"]["wal_bytes"]),
    "worker_rate": Given(25, "events that a worker process takes through in a second", "event_row",
                         lambda found: found["workers"]["1"]["Tieback"]["rate"]),
    "door_rate": Given(2000, "deliveries that a door process takes in a second", "accept",
                       lambda found: next(one["rate"] for one in found["contestants"] if one["name"] == "door on PostgreSQL")),
}  # fmt: skip


def main(words: list[str] | None = None, results: Path = ROOT / "build/bench") -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.capacity", description=(__doc__ or "").splitlines()[0])
    for name, one in INPUTS.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=_number, help=f"{one.meaning}; {one.default:g} if nothing is known"
        )
    parser.add_argument("--page", action="store_true", help="write what the defaults give into docs/scaling.md")
    chosen = vars(parser.parse_args(words))
    if chosen.pop("page"):
        before, rest = PAGE.read_text("utf-8").split(BEGIN)
        PAGE.write_text(before + block() + rest.split(END)[1], "utf-8")
        return 0
    print(told(*inputs({name: value for name, value in chosen.items() if value is not None}, results)))
    return 0


def _number(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0: give how much or how many there are")
    return value


def block() -> str:
    """What stands in docs/scaling.md, with its marks."""
    return f"{BEGIN}\n\n{told(*inputs({}, None))}\n\n{END}"


def inputs(chosen: Mapping[str, float], results: Path | None) -> tuple[dict[str, float], dict[str, str]]:
    """Each input's value, and where it is from: given, assumed, or the program that measures it."""
    kept = read(results) if results is not None and results.is_dir() else {}
    values, origins = {}, {}
    for name, one in INPUTS.items():
        values[name], origins[name] = one.default, f"default; bench.{one.program} measures it" if one.program else "assumed"
        if one.program in kept:
            values[name], origins[name] = float(one.find(kept[one.program]["figures"])), f"bench.{one.program}"
        if name in chosen:
            values[name], origins[name] = chosen[name], "given"
    return values, origins


def needs(v: Mapping[str, float]) -> dict[str, str]:
    """What these inputs ask for, in words."""
    a_day = v["projects"] * v["events"]
    mean = a_day / DAY_S
    peak = a_day / v["hours"] / HOUR_S * v["peak"]
    calls = peak * HOUR_S * v["calls"] / v["contractors"]
    may = v["quota"] * (1 - v["reserve"])
    workers, doors = (max(1, math.ceil(peak / v[rate] / v["use"])) for rate in ("worker_rate", "door_rate"))
    stored = a_day * (v["days"] * v["bytes"] + max(0, v["known"] - v["days"]) * v["key_bytes"])
    fits = may / v["calls"] / v["peak"] * v["hours"]
    return {
        "events": f"{a_day:,.0f} in a day, {_short(mean)} per s on average, {_short(peak)} per s in the busiest hour",
        "calls of a connector in that hour": f"{calls:,.0f} of the {may:,.0f} that webhooks may use: {calls / may:.0%}",
        "events of a contractor until its quota is full": f"{fits:,.0f} in a day; above it work waits",
        "door": f"{doors} {_of('process', doors)}",
        "workers": f"{workers} {_of('process', workers)} of {THREADS} threads",
        "connections of the workers": f"{workers * (THREADS + MORE_CONNECTIONS):,.0f}, for max_connections",
        "PostgreSQL in the busiest hour": f"{peak * v['transactions']:,.0f} transactions that write, "
        f"{peak * v['rows']:,.0f} rows, {peak * v['wal_bytes'] / 1e6:.1f} MB of log per second",
        "PostgreSQL's log of a day": f"{_short(a_day * v['wal_bytes'] / 1e9)} GB, for the archive",
        "PostgreSQL's disk": f"{_short(stored / 1e9)} GB: {v['days']:g} days whole, keys for {v['known']:g}; your tables besides",
    }


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 20 else f"{number:.1f}"


def _of(word: str, count: int) -> str:
    return word if count == 1 else f"{word}es"


def told(values: Mapping[str, float], origins: Mapping[str, str]) -> str:
    lines = ["| what is taken for granted | value | from |", "|---|---|---|"]
    lines += [f"| {one.meaning} | {values[name]:,g} | {origins[name]} |" for name, one in INPUTS.items()]
    lines += ["", "| what that asks for | |", "|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {much} |" for what, much in needs(values).items())])


if __name__ == "__main__":
    sys.exit(main())
