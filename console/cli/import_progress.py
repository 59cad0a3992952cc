"""How an import comes along, on stderr: a bar for people at a terminal, a line every few seconds otherwise."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from console.cli.output import safe, shown

LINE_EVERY_S, LOOK_S = 5.0, 0.3
Look = Callable[[], dict[str, Any]]


@contextmanager
def progress(look: Look) -> Iterator[None]:
    """Show what `look` says of the import while the block works."""
    stop = threading.Event()
    show = _bars if sys.stderr.isatty() else _lines
    thread = threading.Thread(target=show, args=(look, stop), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=5)


def _lines(look: Look, stop: threading.Event) -> None:
    last = ""
    while not stop.wait(LINE_EVERY_S):
        row = look()
        line = "; ".join(f"{name}: {_so_far(counts)}" for name, counts in (row["counts"] or {}).items()) or "reading the projects"
        line += _waits(row)
        if line != last:
            click.echo(f"import {row['id']}: {safe(line)}", err=True)
        last = line


def _bars(look: Look, stop: threading.Event) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[what]}", markup=False),
               TimeElapsedColumn())  # fmt: skip
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True, highlight=False), transient=True) as bars:
        ended = False
        while not ended:
            ended = stop.wait(LOOK_S)
            row = look()
            for name, counts in (row["counts"] or {}).items():
                if name not in tasks:
                    tasks[name] = bars.add_task(safe(name), total=None, what="")
                expected = counts.get("expected") or None
                bars.update(
                    tasks[name], total=expected, completed=min(counts.get("read", 0), expected or 0),
                    what=safe(_so_far(counts) + _waits(row)),
                )  # fmt: skip


def _so_far(counts: dict[str, int]) -> str:
    expected = counts.get("expected", 0)
    read = f"{counts.get('read', 0):,}" + (f" of {expected:,}" if expected else "")
    return f"{read} read, {counts.get('new', 0):,} new, {counts.get('changed', 0):,} changed, {counts.get('calls', 0):,} calls"


def _waits(row: dict[str, Any]) -> str:
    if row["state"] == "waiting" and row["reason"]:
        return f" (waits until {shown(row['run_after'])}: {shown(row['reason'])})"
    return ""
