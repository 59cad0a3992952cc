"""`tieback demo`: the whole path of a change, with a pretend Procore and the real commands."""

from __future__ import annotations

import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from config.errors import TiebackError
from console.demo import play
from console.demo.stage import Stage


class _Stopped(BaseException):
    """Somebody asked us to end."""


def run(port: int, sim_port: int, *, stay: bool, folder: Path | None = None) -> int:
    """0 when every row arrived; 1 with a sentence when something failed; 130 when it was stopped before its end.

    With `stay` the programs go on until Ctrl-C. Raises: ConfigError when it cannot begin.
    """
    stage = Stage(folder or Path.cwd() / "var" / "demo", port, sim_port)
    with stage.alone(), _stoppable():
        stage.prepare()
        try:
            return _play(stage, stay)
        finally:
            stage.end()


def _play(stage: Stage, stay: bool) -> int:
    played = False
    try:
        play.whole(stage)
        played = True
        if stay:
            return _stay(stage)
    except _Stopped:
        click.echo("stopped")
        return 0 if played else 130
    except TiebackError as error:
        click.echo(f"\ntieback demo failed: {error}", err=True)
        _show_logs(stage)
        return 1
    return 0


def _stay(stage: Stage) -> int:
    password = secrets.token_urlsafe(12)
    stage.tieback("users", "add", "demo", "--role", "admin", "--password-file", "-", input=password)
    click.echo(f"\nstaying up: console and door http://127.0.0.1:{stage.port}, simulator {stage.simulator}. Ctrl-C ends both.")
    click.echo(f"sign in to the console as demo with the password {password}")
    while True:
        for child in stage.children:
            if not child.alive():
                click.echo(f"{child.name} ended by itself. The end of {child.log}:\n{child.tail()}", err=True)
                return 1
        time.sleep(0.2)


def _show_logs(stage: Stage) -> None:
    for child in stage.children:
        click.echo(f"the end of {child.log}:\n{child.tail()}", err=True)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal end the demonstration once; what follows does not disturb its end."""
    told = False

    def stop(_number: int, _frame: Any) -> None:
        nonlocal told
        if not told:
            told = True
            raise _Stopped

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, stop) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
