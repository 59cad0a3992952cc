"""`tieback rules backtest`"""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from console.cli.output import json_option, say, show_json, shown
from console.verbs import backtesting, versioning
from console.verbs.at_hand import at_hand
from console.verbs.backtesting import Result


@click.command()
@click.argument("rule")
@click.option("--since", default="30d", show_default=True, help="How far back, such as 24h or 30d.")
@click.option("--limit", type=click.IntRange(0, 100_000), default=20, show_default=True, help="Show at most so many that differ.")
@click.option("--version", help="A stored version instead: the beginning of its hash, in-force or offered.")
@json_option
def backtest(rule: str, since: str, limit: int, version: str | None, as_json: bool) -> None:
    """Run a rule as its file stands now over stored events and records. Nothing is called, and nothing written.

    Compares how often it would fire with how often it did, and says which events differ and why.
    """
    with at_hand() as here:
        meant = None if version is None else versioning.rule(here, rule, version)
        found = backtesting.run(here, rule, since, rule=meant, shown=limit, told=_progress)
    if sys.stderr.isatty():
        click.echo("\r\033[K", nl=False, err=True)
    if as_json:
        show_json(asdict(found))
        return
    _tell(found)


def _progress(events: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{events} events", nl=False, err=True)


def _tell(found: Result) -> None:
    say(f"{found.automation} since {shown(found.since)}: would fire {found.would} times (was {found.was})")
    say(f"  events     {found.events} looked at, {found.heard} that it listens to, {found.gathered} gathered into another's run")
    called = ", ".join(f"{word} {count}" for word, count in found.calls.items()) or "none"
    say(f"  calls      {called}; records to be read: {found.reads}")
    if found.waiting:
        say(f"  waiting    {found.waiting} runs would not have ended yet")
    for sentence, count in found.held.most_common(10):
        say(f"  held       {count} x {sentence}")
    for sentence, count in found.errors.most_common(10):
        say(f"  error      {count} x {sentence}")
    for note in found.notes:
        say(f"  note       {note}")
    say(f"  differ     {found.differ} events" + (f", the first {len(found.differing)}:" if found.differing else ""))
    for one in found.differing:
        say(f"    event {one.event_id}  {shown(one.at)}  {one.record}: was {one.was}; would: {one.would}")
