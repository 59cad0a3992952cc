"""How `tieback top` looks: what is worst stands first, and what does not fit a narrow terminal is left out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from console.cli.output import safe
from console.shapes import span

Dict = dict[str, Any]
STYLES = {"good": "green", "warn": "yellow", "bad": "red", "held": "cyan", "": ""}
WIDE, NARROW = 110, 70
LONGEST = 24
MOST_REASONS, MOST_CAUSES, MOST_WORKERS = 6, 6, 8
OPEN_STATES = ("running", "waiting", "parked")
ENDED_STATES = ("ok", "failed", "skipped", "cancelled")


def drawn(seen: Dict, width: int) -> RenderableType:
    """The whole, in two columns where there is room."""
    head, lanes, runs, causes = _verdict(seen), _lanes(seen, width), _runs(seen), _failures(seen, width)
    quota, workers = _quota(seen), _workers(seen, width)
    if width < WIDE:
        return Group(head, *_apart(lanes, runs, causes, quota, workers))
    sides = Table.grid(padding=(0, 3, 0, 0), expand=True)
    sides.add_column(ratio=1)
    sides.add_column(ratio=1)
    sides.add_row(Group(*_apart(lanes, runs)), Group(*_apart(quota, workers)))
    return Group(head, sides, *_apart(causes))


def _apart(*parts: RenderableType) -> Iterable[RenderableType]:
    for part in parts:
        yield Text("")
        yield part


def _verdict(seen: Dict) -> RenderableType:
    found = seen["verdict"]
    head = Text.assemble((found["word"], f"bold {STYLES[found['level']]}"), f"   {seen['now']:%Y-%m-%d %H:%M:%S} UTC")
    lines = [_line(f"{reason['level']}: ", reason["seen"], STYLES[reason["level"]]) for reason in found["reasons"][:MOST_REASONS]]
    more = len(found["reasons"]) - MOST_REASONS
    return Group(head, *lines, *([Text(f"and {more} more: tieback doctor", style="dim")] if more > 0 else []))


def _line(label: str, text: str, style: str) -> Text:
    return Text.assemble((label, style), safe(" ".join(text.split())), no_wrap=True, overflow="ellipsis")


def _lanes(seen: Dict, width: int) -> RenderableType:
    rows = [("deliveries", seen["unsorted"]["count"], None, seen["unsorted"]["oldest"], "")]
    for one in seen["lanes"]:
        why = f"paused: {one['pause']['reason']}" if one["pause"] else ""
        rows.append((one["lane"], one["waiting"], one["running"], one["oldest"], why))
    cells = []
    for name, waiting, running, oldest, why in rows:
        age_s = (seen["now"] - oldest).total_seconds() if isinstance(oldest, dt.datetime) else 0.0
        style = "cyan" if why else "red" if age_s > 60 else ""
        age = span(age_s) if age_s > 0 else "-"
        cells.append([Text(name), Text(str(waiting)), _number(running), Text(age, style=style), Text(safe(why), style=style)])
    return _table(["LANE", "WAITING", "RUNNING", "OLDEST DUE", "HELD"][: 4 if width < NARROW else 5], cells)


def _number(value: int | None) -> Text:
    return Text("-" if value is None else str(value))


def _runs(seen: Dict) -> RenderableType:
    counts = seen["runs"]
    now = ", ".join(f"{counts.get(state, {}).get('open', 0):,} {state}" for state in OPEN_STATES)
    hour = ", ".join(f"{counts.get(state, {}).get('last_hour', 0):,} {state}" for state in ENDED_STATES)
    failed = counts.get("failed", {}).get("last_hour", 0)
    return Group(
        Text.assemble(("RUNS NOW   ", "bold"), now), Text.assemble(("LAST HOUR  ", "bold"), (hour, "red" if failed else ""))
    )


def _failures(seen: Dict, width: int) -> RenderableType:
    if not seen["failures"]:
        return Text.assemble(("FAILURES   ", "bold"), ("none open within a day", "green"))
    cells = [
        [Text(str(one["fresh"] or one["count"])), Text(f"{span((seen['now'] - one['last']).total_seconds())} ago"),
         Text(safe(", ".join(one["automations"]))), Text(safe(f"{one['kind']}: {one['message']}".split("\n", 1)[0]))]
        for one in seen["failures"][:MOST_CAUSES]
    ]  # fmt: skip
    if width < NARROW:
        return _table(["RUNS", "CAUSE"], [[row[0], row[3]] for row in cells])
    return _table(["RUNS", "LAST", "AUTOMATIONS", "CAUSE"], cells)


def _quota(seen: Dict) -> RenderableType:
    cells = []
    for one in seen["connectors"]:
        windows = {row["window"]: row for row in one["quota"]}
        blocked = next((row["blocked_s"] for row in one["quota"] if row["blocked_s"]), None)
        state = f"no calls for {span(blocked)}" if blocked else one["state"]
        cells.append([
            Text(safe(one["name"])), *(_left(windows.get(window)) for window in ("hour", "spike")),
            Text(safe(state), style="" if one["state"] == "active" and not blocked else "red"),
        ])  # fmt: skip
    return _table(["CONNECTOR", "HOUR", "SPIKE", "STATE"], cells) if cells else Text("no connector yet", style="dim")


def _left(row: Dict | None) -> Text:
    if row is None:
        return Text("-")
    few = row["limit"] and row["left"] * 20 < row["limit"]
    return Text(f"{row['left']}/{row['limit']}", style="red" if few else "")


def _workers(seen: Dict, width: int) -> RenderableType:
    cells = []
    for one in seen["workers"][:MOST_WORKERS]:
        alive = one["alive"]
        busy = f"{one['busy']}/{one['slots']}" if one["slots"] else "-"
        memory = f"{one['memory_bytes'] >> 20} MiB" if one["memory_bytes"] else "-"
        beat = Text(f"{span((seen['now'] - one['beat_at']).total_seconds())} ago", style="" if alive else "red")
        cells.append([Text(one["role"]), Text(busy), beat, Text(memory), Text(safe(str(one["name"])))])
    if not cells:
        return Text("no process of Tieback is running", style="red")
    return _table(["PROCESS", "BUSY", "BEAT", "MEMORY", "NAME"][: 3 if width < NARROW else 5], cells)


def _table(headings: Sequence[str], cells: Sequence[Sequence[Text]]) -> Table:
    """The last column gives way; the others keep their width as long as that is possible."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for number, heading in enumerate(headings[:-1]):
        width = min(LONGEST, max(len(heading), *(len(row[number]) for row in cells)))
        table.add_column(heading, no_wrap=True, overflow="ellipsis", min_width=width, max_width=width)
    table.add_column(headings[-1], no_wrap=True, overflow="ellipsis", ratio=1)
    for row in cells:
        table.add_row(*row[: len(headings)])
    return table
