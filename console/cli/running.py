"""`tieback up`, `web`, `worker`, `relay` and `simulator`: processes that stay."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from config.settings import Settings

processes = click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="How many of them.")


@click.command()
def up() -> int:
    """Run everything in one place: door, console, worker threads and relay, kept alive until Ctrl-C."""
    return _run(["all"], door=True, command=["up"])


@click.command()
@processes
def web(processes: int) -> int:
    """Run the public door on TIEBACK_BIND. All processes share one socket."""
    return _run(["web"] * processes, door=True)


@click.command()
@processes
def console(processes: int) -> int:
    """Run the console on TIEBACK_CONSOLE_BIND: pages and JSON API.

    An address that other machines reach needs a proxy that ends TLS in front.
    """
    from config import settings
    from console.serving import may_listen

    given = settings.load()
    may_listen(given)
    return _run(["console"] * processes, bind=given.console_bind, setting="TIEBACK_CONSOLE_BIND")


@click.command()
@processes
def worker(processes: int) -> int:
    """Run worker processes, each with TIEBACK_WORKER_THREADS threads."""
    return _run(["worker"] * processes)


@click.command()
def relay() -> int:
    """Run the relay: it loads the site, rings again for what waits and takes back lost work."""
    return _run(["relay"])


@click.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    options_metavar="[--port 8900] [--seed 7] [--profile lenient|strict] [--time-scale N] ...",
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="")
def simulator(words: tuple[str, ...]) -> None:
    """Run a pretend Procore, a program of its own; `tieback simulator --help` shows its options."""
    os.execv(sys.executable, [sys.executable, "-m", "simulator", *words])  # noqa: S606 (our own program, no shell)


def _run(
    roles: list[str],
    *,
    door: bool = False,
    command: list[str] | None = None,
    bind: tuple[str, int] | None = None,
    setting: str = "TIEBACK_BIND",
) -> int:
    """Supervise children. A mistake is one sentence before the first of them starts, and before anything is written."""
    from config import logs, settings
    from console.supervise import listen, supervise

    given = settings.load()
    logs.start(given.log_level)
    sock = listen(bind or given.bind, setting) if door or bind else None
    with sock or nullcontext():
        _make_ready(settings.with_keys(given), bind or given.bind if {"all", "console"} & set(roles) else None)
        return supervise(roles, sock, command or [])


def _make_ready(given: Settings, console_at: tuple[str, int] | None) -> None:
    """Migrate the database, or raise ConfigError about it; where a console will be, tell how the first person signs in."""
    from console.serving import say_first_code
    from console.verbs.at_hand import AtHand
    from store import migrate
    from store.session import open_engine

    engine = open_engine(given, pool_size=1)
    try:
        migrate.ready(engine, given)
        if console_at is not None:
            say_first_code(AtHand(given, engine, "console"), console_at)
    finally:
        engine.dispose()
