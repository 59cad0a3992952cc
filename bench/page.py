"""Makes `docs/performance.md` and its drawings from what the programs wrote to `build/bench/`: `python -m bench.page`.

Only what stands between the two marks is written; the words around it are a person's and stay. A program that is measured
again by itself changes its own rows. What was not measured says so.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.__main__ import TINY
from bench.plots import bars, lines, short
from bench.rows import ROWS, Row

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- measured: begin (python -m bench.page) -->", "<!-- measured: end -->"
EVENTS_A_DAY = 100  # of a project, as in the table of sizes (docs/operations.md)
Kept = dict[str, dict[str, Any]]


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.page", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--from", dest="source", type=Path, default=ROOT / "build/bench", help="the folder with the results")
    parser.add_argument("--page", type=Path, default=ROOT / "docs/performance.md")
    given = parser.parse_args(words)
    kept = read(given.source)
    page = given.page.read_text("utf-8")
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        print(f"{given.page} lacks the marks that say where the figures go: {BEGIN} and {END}, a line each", file=sys.stderr)
        return 2
    images = given.page.parent / "images"
    images.mkdir(exist_ok=True)
    drawn = drawings(kept)
    for name, svg in drawn.items():
        (images / name).write_text(svg, "utf-8")
    before, rest = page.split(BEGIN)
    given.page.write_text(before + BEGIN + "\n\n" + written(kept, list(drawn)) + "\n" + END + rest.split(END)[1], "utf-8")
    return 0


def read(folder: Path) -> Kept:
    """What each program left behind, by its name; those with no figures are not there."""
    found = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json")) if path.stem != "all"}
    return {name: one for name, one in found.items() if one.get("figures")}


def written(kept: Kept, images: list[str]) -> str:
    """The part of the page between the marks."""
    parts = [_machine(kept), _table(kept)]
    parts += [f"![{name.removesuffix('.svg').removeprefix('bench-')}](images/{name})\n" for name in images]
    parts += [make(kept[name]["figures"]) for name, make in TABLES.items() if name in kept]
    return "\n".join(filter(None, [*parts, _commands(kept)]))


def _machine(kept: Kept) -> str:
    if not kept:
        return "Nothing was measured yet: `make bench`, then `python -m bench.page`.\n"
    one = max((result["machine"] for result in kept.values()), key=lambda machine: str(machine.get("at")))
    versions = ", ".join(f"{name} {number}" for name, number in one["versions"].items())
    on = f"{one['processors']} processors ({one['processor']}), {one['memory_mb'] / 1024:.0f} GB of memory, {one['system']}"
    return f"Measured on {on};\n{versions}.\n"


def _table(kept: Kept) -> str:
    return "\n".join(_rows(["what", "target", "measured", ""], [(row.name, row.target, *judged(row, kept)) for row in ROWS]))


def _rows(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table, and an empty one."""
    return [f"| {' | '.join(one)} |" for one in (heads, ["---"] * len(heads), *rows)] + [""]


def judged(row: Row, kept: Kept) -> tuple[str, str]:
    """What was measured, and `met` or `missed`; nothing is said of what a program left out."""
    if row.program not in kept:
        return f"not measured: `python -m bench.{row.program}`", ""
    try:
        said, met = row.read(kept[row.program]["figures"])
    except (KeyError, ValueError, ZeroDivisionError):
        return f"left out: `python -m bench.{row.program}` says why", ""
    if kept[row.program]["arguments"] == TINY.get(row.program):
        return f"{said}; with sizes that only show that it works", ""
    return said, "met" if met else "**missed**"


def drawings(kept: Kept) -> dict[str, str]:
    """SVG texts by file name, of what was measured."""
    found = {}
    for name, make in PLOTS.items():
        if name in kept:
            found[f"bench-{name.replace('_', '-')}.svg"] = make(kept[name]["figures"])
    return found


def _accepted(found: Any) -> str:
    return bars("Deliveries taken in, per second", [(one["name"], float(one["rate"])) for one in found["contestants"]], "")


def _scaling(found: Any) -> str:
    names = next(iter(found["workers"].values()))
    series = {name: [(float(n), one[name]["rate"]) for n, one in found["workers"].items() if name in one] for name in names}
    return lines("Events to rows, per second, by worker processes", series, "worker processes", "events per second")


def _latencies(found: Any) -> str:
    series = {}
    for name in ("idle", "during an import"):
        took = found[name]["seconds"]
        series[name] = [(100 * (number + 1) / len(took), seconds) for number, seconds in enumerate(took)]
    return lines("Seconds from the change to its first effect, sorted", series, "% of the events", "seconds")


def _memories(found: Any) -> str:
    series = {name: [(at / 60, mb) for at, mb, _ in one["samples"]] for name, one in found["processes"].items()}
    return lines("Resident memory under load", series, "minutes", "MB")


def _scaling_table(found: Any) -> str:
    names = list(next(iter(found["workers"].values())))
    rows = [(count, *(_rate(one[name]) for name in names)) for count, one in found["workers"].items()]
    return "\n".join(["### Events to rows, per second, by worker processes", "", *_rows(["processes", *names], rows)])


def _rate(one: Any) -> str:
    return f"{short(one['rate'])} ({short(min(one['rates']))} to {short(max(one['rates']))})"


def _growth_table(found: Any) -> str:
    heads = ["events", "door, per s", "p99", "through, per s", "slowest list", "purged, per s", "a million events take"]
    rows = []
    for size, one in found["sizes"].items():
        slowest, took = max(one["lists"].items(), key=lambda pair: float(pair[1]["median_ms"]))
        tables, indexes = (sum(part[kind] for part in one["tables"].values()) for kind in ("table", "indexes"))
        million = 1_000_000 / int(size) / 2**20
        rows.append((
            f"{int(size):,}", f"{one['door']['rate']:,}", f"{one['door']['p99_ms']:g} ms", short(one["path_per_s"]),
            f"{took['median_ms']:.0f} ms ({slowest})", f"{one['purge']['per_s']:,}",
            f"{tables * million:,.0f} MB and {indexes * million:,.0f} MB of indexes",
        ))  # fmt: skip
    left = list(found["sizes"].values())[-1]["bytes_per_event"]
    said = f"An event that really went through left {left:,} bytes, with its delivery, run and steps.\n"
    return "\n".join(["### What is stored, and what it costs", "", *_rows(heads, rows), said])


def _memory_table(found: Any) -> str:
    heads = ["process", "ready after", "idle", "under load", "descriptors", "over the time"]
    rows = [
        (name, f"{one['ready_s']:.1f} s", f"{one['idle_mb']:.0f} MB", f"{one['load_mb']:.0f} MB",
         f"{one['idle_fds']}, {one['load_fds']}", one["verdict"])
        for name, one in found["processes"].items()
    ]  # fmt: skip
    days = f"{found['runs'] // EVENTS_A_DAY:,} projects have in a day of {EVENTS_A_DAY} each"
    said = (
        f"{found['minutes']:g} minutes at {found['rate']:g} events per second, {found['runs']:,} runs: as many as"
        f"\n{days}. A process counts with all that it starts, so pages that they share count"
        f"\ntwice. `tieback --help` takes {found['help_s']:.2f} s.\n"
    )
    return "\n".join(["### Memory, descriptors and starts", "", *_rows(heads, rows), said])


def _commands(kept: Kept) -> str:
    rows = []
    for name, one in kept.items():
        command, machine = " ".join([f"python -m bench.{name}", *one["arguments"]]), one["machine"]
        rows.append((f"`{command}`", machine["at"], f"{machine['load'][0]:.1f}", f"{one['seconds']:.0f} s"))
    return "\n".join(["### Commands", "", *_rows(["command", "when", "load before", "took"], rows)]) if rows else ""


PLOTS: dict[str, Callable[[Any], str]] = {
    "accept": _accepted, "event_row": _scaling, "latency": _latencies, "memory": _memories,
}  # fmt: skip
TABLES: dict[str, Callable[[Any], str]] = {"event_row": _scaling_table, "growth": _growth_table, "memory": _memory_table}

if __name__ == "__main__":
    sys.exit(main())
