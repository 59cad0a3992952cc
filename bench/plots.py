"""Small drawings for a page of documentation: bars and lines as SVG, readable on light and on dark paper."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

WIDTH, LEFT, RIGHT, ROW = 720, 230, 90, 28
HEIGHT, TOP, BOTTOM = 240, 34, 30
COLOURS = ("#2f7ed8", "#e08a1e", "#3aa76d", "#b455c8", "#d9534f")
STYLE = (
    "<style>text{font:13px system-ui,sans-serif;fill:#24292f}.t{font-weight:600}.a{stroke:#8c959f}.g{stroke:#d0d7de}"
    "@media (prefers-color-scheme:dark){text{fill:#e6edf3}.g{stroke:#30363d}}</style>"
)


def bars(title: str, rows: Sequence[tuple[str, float]], unit: str) -> str:
    """One bar for each (name, value), the longest over the whole width."""
    most = max((value for _, value in rows), default=0) or 1
    parts = []
    for number, (name, value) in enumerate(rows):
        y, width = TOP + number * ROW, (WIDTH - LEFT - RIGHT) * value / most
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<text x="{LEFT - 8}" y="{y + 16}" text-anchor="end">{html.escape(name)}</text>')
        parts.append(f'<rect x="{LEFT}" y="{y + 3}" width="{max(1.0, width):.1f}" height="18" rx="2" fill="{colour}"/>')
        parts.append(f'<text x="{LEFT + width + 6:.1f}" y="{y + 16}">{short(value)} {html.escape(unit)}</text>')
    return _svg(title, TOP + len(rows) * ROW + 8, parts)


def lines(title: str, series: Mapping[str, Sequence[tuple[float, float]]], x_unit: str, y_unit: str) -> str:
    """One line for each name through its (x, y); both axes begin at zero."""
    points = [point for line in series.values() for point in line]
    x_most = max((x for x, _ in points), default=0) or 1
    y_most = (max((y for _, y in points), default=0) or 1) * 1.08
    left, right, bottom = 60, WIDTH - 210, HEIGHT - BOTTOM

    def at(x: float, y: float) -> str:
        return f"{left + (right - left) * x / x_most:.1f},{bottom - (bottom - TOP) * y / y_most:.1f}"

    parts = []
    for part in (0.25, 0.5, 0.75, 1.0):
        y = bottom - (bottom - TOP) * part
        parts.append(f'<line class="g" x1="{left}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{short(y_most * part)}</text>')
    parts.append(f'<line class="a" x1="{left}" y1="{bottom}" x2="{right}" y2="{bottom}"/>')
    parts.append(f'<text x="{right}" y="{HEIGHT - 10}" text-anchor="end">{short(x_most)} {html.escape(x_unit)}</text>')
    parts.append(f'<text x="{left}" y="{HEIGHT - 10}">{html.escape(y_unit)}</text>')
    for number, (name, line) in enumerate(series.items()):
        colour, y = COLOURS[number % len(COLOURS)], TOP + 12 + number * 20
        path = " ".join(at(*point) for point in line)
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{path}"/>')
        parts.append(f'<rect x="{right + 10}" y="{y - 10}" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{right + 28}" y="{y}">{html.escape(name)}</text>')
    return _svg(title, HEIGHT, parts)


def short(value: float) -> str:
    """A number as people write it: 12,345 or 12.3 or 0.12."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _svg(title: str, height: int, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{html.escape(title)}">'
    return "\n".join([head, STYLE, f'<text class="t" x="8" y="20">{html.escape(title)}</text>', *parts, "</svg>"]) + "\n"
