"""Bars and lines as numbers for SVG, drawn here and not in the browser. Coordinates are per cent across, pixels down."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

HEIGHT = 92
SKIPPED = "skipped"
Dict = dict[str, Any]


def bars(plot: Mapping[str, Any]) -> Dict:
    """Stacked bars: what failed lies at the bottom, so that a single failure in a busy hour is seen."""
    rows = plot["bars"]
    most = max((row["good"] + row["bad"] + row["other"] for row in rows), default=0)
    width = 100 / max(1, len(rows))
    drawn = [_bar(row, number * width, width, most) for number, row in enumerate(rows)]
    totals = {kind: sum(row[kind] for row in rows) for kind in ("good", "bad", "other")}
    length = plot["to"] - plot["from"]
    marks = [
        {"x": round(100 * (at.timestamp() - plot["from"]) / length, 2), "at": at, "name": name} for at, name in plot["marks"]
    ]
    ends = {name: dt.datetime.fromtimestamp(plot[name], dt.UTC) for name in ("from", "to")}
    return {"bars": drawn, "marks": marks, "totals": totals, "most": most, "height": HEIGHT, "bucket_s": plot["bucket_s"], **ends}


def _bar(row: Mapping[str, Any], x: float, width: float, most: int) -> Dict:
    parts, y = [], float(HEIGHT)
    for kind in ("bad", "good", "other"):
        # What there is at all is seen, however small beside the rest.
        tall = max(2.0, (HEIGHT - 2) * row[kind] / most) if row[kind] else 0.0
        y -= tall
        if tall:
            parts.append({"kind": kind, "y": round(max(0.0, y), 1), "height": round(tall, 1)})
    return {"x": round(x + width * 0.12, 2), "width": round(width * 0.76, 2), "parts": parts, **row}


def gauge(left: int, limit: int) -> Dict:
    """What is left of a limit, in per cent; low below a tenth."""
    part = 100 * left / limit if limit else 0
    return {"part": round(min(100.0, max(0.0, part)), 1), "low": part < 10}


def spark(parts: Sequence[int]) -> str:
    """The points of a polyline in a box of 100 by 20 for values from 0 to 100, the newest at the right."""
    if len(parts) < 2:
        return ""
    step = 100 / (len(parts) - 1)
    return " ".join(f"{number * step:.1f},{19 - 18 * part / 100:.1f}" for number, part in enumerate(parts))


def waterfall(
    began: dt.datetime | None, ended: dt.datetime | None, parts: Sequence[tuple[dt.datetime, float, str]]
) -> list[Dict]:
    """Bars of (when it ended, milliseconds it took, kind) within the whole time, each at least visible.

    What was skipped took no time and has none: its row is written when the run ends, which says nothing.
    """
    if began is None or not parts:
        return [{"x": 0.0, "width": 0.0, "kind": kind} for _, _, kind in parts]
    last = max([end for end, _, _ in parts] + ([ended] if ended else []))
    whole = max(0.001, (last - began).total_seconds())
    drawn = []
    for end, took_ms, kind in parts:
        if kind == SKIPPED:
            drawn.append({"x": 0.0, "width": 0.0, "kind": kind})
            continue
        start = max(0.0, (end - began).total_seconds() - took_ms / 1000)
        x = min(99.0, 100 * start / whole)
        drawn.append({"x": round(x, 2), "width": round(min(100 - x, max(1.0, took_ms / 10 / whole)), 2), "kind": kind})
    return drawn
