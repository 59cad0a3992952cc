"""Answers on stdout: JSON for programs, plain columns for pipes, a table for people at a terminal."""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import click

Row = Mapping[str, Any]
Columns = Mapping[str, str]
NARROW = 6
F = TypeVar("F", bound=Callable[..., Any])

# Control and bidirectional signs in foreign text could repaint the operator's terminal.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def listing_options(command: F) -> F:
    """`--limit` and `--json`, as every listing has them."""
    limit = click.option(
        "--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="At most so many, newest first."
    )
    return json_option(limit(command))


class RowId(click.ParamType[int]):
    """The id of a row; a number that no database column holds is wrong usage, not a fault."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if not re.fullmatch("[1-9][0-9]{0,17}", str(value)):
            self.fail(f"{str(value)!r} is no id; an id is a whole number from 1 on.", param, ctx)
        return int(value)


class Length(click.ParamType[float]):
    """A length of time such as `2h`, in seconds."""

    name = "length"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from automations.durations import seconds

        try:
            return value if isinstance(value, float) else seconds(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


pause_length = click.option("--for", "for_s", type=Length(), metavar="LENGTH", help="Such as 2h: then it goes on by itself.")


def for_how_long(for_s: float | None) -> str:
    """As the answer to a pause ends: ` for 2 h`, or nothing."""
    from console.shapes import span

    return "" if for_s is None else f" for {span(for_s)}"


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")(command)


def as_json_value(value: Any) -> Any:
    """Times as ISO 8601 with Z, bytes as text; everything else as it is."""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return {str(key): as_json_value(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_json_value(inner) for inner in value]
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def show_json(value: Any) -> None:
    text = json.dumps(as_json_value(value), indent=2, ensure_ascii=False)
    # Such signs can only stand inside strings, where JSON has a way to write them.
    click.echo(re.sub(_UNSAFE, lambda sign: f"\\u{ord(sign[0]):04x}", text))


def say(text: str = "") -> None:
    """One or more lines of the answer, without anything that could move the cursor."""
    click.echo(safe(text))


def wrapped(text: str) -> str:
    """A paragraph below a heading."""
    return textwrap.fill(text, 110, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)


def safe(text: str) -> str:
    return _UNSAFE.sub(lambda sign: f"\\x{ord(sign[0]):02x}", text)


def shown(value: Any) -> str:
    """A value in one line, for a cell."""
    if value is None or value == "":
        return "-"
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        value = ", ".join(value)
    text = value if isinstance(value, str) else json.dumps(as_json_value(value), ensure_ascii=False)
    return safe(" ".join(text.split()))


def listing(rows: Iterable[Row], columns: Columns, *, as_json: bool, empty: str) -> None:
    """Rows under headings; `columns` maps a heading to a key, JSON shows every key. `empty` goes to stderr when there is none."""
    rows = list(rows)
    if as_json:
        show_json(rows)
    elif not rows:
        click.echo(empty, err=True)
    else:
        table([[shown(row.get(key)) for key in columns.values()] for row in rows], list(columns))


def table(cells: Sequence[Sequence[str]], headings: Sequence[str]) -> None:
    """Whole values in columns for a pipe; cut to the width for a terminal."""
    widths = [max(len(row[n]) for row in [headings, *cells]) for n in range(len(headings))]
    if sys.stdout.isatty():
        _drawn(cells, headings, widths)
        return
    for row in [headings, *cells]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _drawn(cells: Sequence[Sequence[str]], headings: Sequence[str], widths: list[int]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = Console(highlight=False)
    drawn = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for heading, width in zip(headings, fitting(widths, terminal.width), strict=True):
        drawn.add_column(heading, no_wrap=True, overflow="ellipsis", width=width)
    for row in cells:
        drawn.add_row(*(Text(cell) for cell in row))
    terminal.print(drawn)


def fitting(widths: Sequence[int], most: int) -> list[int]:
    """Column widths that fit, two signs apart: the last one, which explains, gives way first, then the widest."""
    fit = list(widths)
    fit[-1] = max(min(fit[-1], 12), fit[-1] - max(0, sum(fit) + 2 * len(fit) - most))
    while sum(fit) + 2 * len(fit) > most and max(fit) > NARROW:
        fit[fit.index(max(fit))] -= 1
    return fit
