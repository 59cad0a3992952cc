"""`tieback top`: the overview in a terminal, renewed until somebody presses q."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text
from sqlalchemy.exc import DBAPIError

from config.errors import TiebackError
from console.cli.output import json_option, show_json
from console.cli.top_drawn import drawn
from console.verbs import glancing
from console.verbs.at_hand import AtHand, at_hand

FOOT = "q quit · r look now"
ENDS, NOW = b"qQ\x03\x04", b"rR \r\n"


@click.command()
@click.option("--interval", type=click.FloatRange(0.5, 3600), default=2.0, show_default=True, help="Seconds between two looks.")
@click.option("--once", is_flag=True, help="Print it once and end; so it does where there is no terminal.")
@json_option
def top(interval: float, once: bool, as_json: bool) -> None:
    """Show how the whole is: verdict, lanes, runs, failures by cause, quota, workers. q ends it.

    With --json one object, once.
    """
    terminal = Console(highlight=False)
    with at_hand() as here:
        if as_json:
            show_json(glancing.glance(here))
        elif once or terminal.is_dumb_terminal or not (terminal.is_terminal and sys.stdin.isatty()):
            terminal.print(drawn(glancing.glance(here), terminal.width))
        else:
            _live(here, terminal, interval)


def _live(here: AtHand, terminal: Console, interval_s: float) -> None:
    with _keys() as pressed, Live(console=terminal, screen=True, auto_refresh=False) as live:
        while True:
            live.update(_looked(here, terminal), refresh=True)
            key = pressed(interval_s)
            while key and key not in ENDS and key not in NOW:  # another key is no reason to look again
                key = pressed(interval_s)
            if key and key in ENDS:
                return


def _looked(here: AtHand, terminal: Console) -> Any:
    """A database that is away for a while is said, and looked for again."""
    try:
        body = drawn(glancing.glance(here), terminal.width)
    except (TiebackError, DBAPIError) as error:
        body = Text(f"It cannot be looked at now: {' '.join(str(error).split())[:400]}", style="bold red")
    return Group(body, Text(FOOT, style="dim"))


@contextmanager
def _keys() -> Iterator[Callable[[float], bytes]]:
    """Keys as they are pressed, without Enter and unseen; the terminal is as before at the end.

    What is yielded waits so many seconds for one; nothing when none came, Ctrl-D's when the terminal is gone.
    """
    import termios
    import tty

    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)

    def pressed(within_s: float) -> bytes:
        ready, _, _ = select.select([number], [], [], within_s)
        return (os.read(number, 1) or b"\x04") if ready else b""

    try:
        tty.setcbreak(number)
        yield pressed
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)
