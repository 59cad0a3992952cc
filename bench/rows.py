"""The twelve numbers to reach: what each asks for, the program that measures it, and how its figures are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.plots import short

Figures = dict[str, Any]
Read = Callable[[Figures], tuple[str, bool]]


@dataclass(frozen=True)
class Row:
    """`read` gives what was measured, in words, and whether it reaches the target; KeyError when a figure was left out."""

    name: str
    target: str
    program: str
    read: Read


def _accept(found: Figures) -> tuple[str, bool]:
    rows = _by_name(found)
    door = rows["door on PostgreSQL"]
    slow = next((one for name, one in rows.items() if "slower" in name), None)
    said = f"{door['ratio']:.2f} ({door['rate']:,} of {rows['no-op view, Granian']['rate']:,} per s), p99 {door['p99_ms']:g} ms"
    said += f"; slow disk {slow['ratio']:.2f}" if slow else "; slow disk not measured"
    return said, door["ratio"] >= 0.8 and door["p99_ms"] < 20 and slow is not None and slow["ratio"] >= 0.5


def _node_red(found: Figures) -> tuple[str, bool]:
    rows = _by_name(found)
    red, one = rows["Node-RED, keeps nothing"]["rate"], rows["door on PostgreSQL"]["rate"]
    two = rows.get("door on PostgreSQL, 2 processes", rows["door on PostgreSQL"])["rate"]
    said = f"{two / red:.1f} × with two processes, as deploy/ runs them ({two:,} of {red:,} per s); {one / red:.1f} × with one"
    return said, two / red >= 2


def _by_name(found: Figures) -> dict[str, Any]:
    return {one["name"]: one for one in found["contestants"]}


def _event_row(found: Figures) -> tuple[str, bool]:
    best = max(found["workers"].values(), key=lambda one: float(one["Tieback"]["rate"]))
    ratio, n8n = best["Node-RED, keeps nothing"]["tieback_ratio"], best.get("n8n", {}).get("tieback_ratio")
    said = f"{short(best['Tieback']['rate'])} per s, {ratio:.2f} × Node-RED, "
    said += f"{best['raw Dramatiq']['tieback_ratio']:.2f} × raw Dramatiq"
    return said + (f", {n8n:.2f} × n8n" if n8n else "; n8n not measured"), ratio >= 1 and (not n8n or n8n >= 50)


def _latency(found: Figures) -> tuple[str, bool]:
    idle, busy = found["idle"], found["during an import"]
    met = idle["p95_s"] < 1 and busy["p95_s"] < 5 and idle["lost"] == busy["lost"] == 0
    said = f"{idle['p95_s']:.2f} s, {busy['p95_s']:.2f} s"
    return said + (f"; one change a second {flow['p95_s']:.2f} s" if (flow := found.get("in a flow")) else ""), met


def _batch(found: Figures) -> tuple[str, bool]:
    one = found["burst"]
    calls, most = max(one["calls_by_project"].values()), one["calls_at_most"]
    each = one["events"] // len(one["calls_by_project"])
    return f"{calls} for {each:,} records of a project (≤ {most})", calls <= most


def _storm(found: Figures) -> tuple[str, bool]:
    said = [f"{one['calls']} for {one['events']:,} events on {one['records']} {one['resource']}" for one in found["storms"]]
    return "; ".join(said), all(one["calls"] <= one["records"] for one in found["storms"])


def _refused(found: Figures) -> tuple[str, bool]:
    return f"{found['refused_429']} in {found['burst']['seconds']:.0f} s", found["refused_429"] == 0


def _matching(found: Figures) -> tuple[str, bool]:
    return f"{found['ratio']:.2f} × ({found['ten_us']:.1f} and {found['many_us']:.1f} µs)", found["ratio"] < 5


def _import(found: Figures) -> tuple[str, bool]:
    ours = found["contestants"]["Tieback"]
    peak = max(one["peak_mb"] for one in ours)
    said = f"{min(one['seconds'] for one in ours):.0f} s for {found['records']:,}, {found['ratio']:.2f} × dlt, {peak:.0f} MB"
    return said, found["ratio"] >= 3 and peak < 150


def _backtest(found: Figures) -> tuple[str, bool]:
    said = f"{found['seconds']:.1f} s for {found['events']:,}, {found['calls']} calls"
    return said, found["seconds"] * 100_000 / found["events"] < 60 and found["calls"] == 0


COUNTED = "the runs of a week, counted anew"  # no list and no search: the chart of the overview asks for it once an hour


def _console(found: Figures) -> tuple[str, bool]:
    lists = {name: float(one["median_ms"]) for name, one in found["lists"].items()}
    counted = lists.pop(COUNTED, None)
    name = max(lists, key=lambda name: lists[name])
    said = f"{lists[name]:.0f} ms at most ({name}) at {found['runs']:,}"
    return said + (f"; {COUNTED}: {counted:.0f} ms" if counted is not None else ""), lists[name] < 300


def _demo(found: Figures) -> tuple[str, bool]:
    return f"{found['seconds']:.0f} s", found["seconds"] < 120


ROWS = (
    Row("Durable accept against a no-op Flask POST, 64 connections", "≥ 0.80, p99 < 20 ms; slow disk ≥ 0.5", "accept", _accept),
    Row("The same against Node-RED's webhook, which stores nothing", "≥ 2 ×", "accept", _node_red),
    Row("Event, fetched, row in PostgreSQL, distinct records", "≥ Node-RED's rate, ≥ 50 × n8n", "event_row", _event_row),
    Row("Event to first effect, p95: idle, during a full import", "< 1 s, < 5 s", "latency", _latency),
    Row("API calls for N changed records of a list that can be asked by id", "≤ ⌈N/100⌉ + 2 per project", "burst", _batch),
    Row("API calls for many events on few records", "≤ one per record", "burst", _storm),
    Row("429s that we cause in a burst of 5,000 events", "0", "burst", _refused),
    Row("Matching one event against 1,000 automations", "< 5 × one against 10", "matching", _matching),
    Row("Full import of 100,000 records against dlt's REST source", "≥ 3 × as fast, < 150 MB", "import_peers", _import),
    Row("Back-test of 100,000 stored events", "< 60 s, no API call", "backtest", _backtest),
    Row("Console lists and searches at 1,000,000 runs", "< 300 ms", "console", _console),
    Row("`make demo` after the downloads", "< 120 s", "demo", _demo),
)  # fmt: skip
