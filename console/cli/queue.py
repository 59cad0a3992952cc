"""`tieback queue …`"""

from __future__ import annotations

import click

from config.errors import ConfigError
from console.cli.family import Family
from console.cli.output import listing, listing_options, say
from console.verbs import showing, switching
from console.verbs.at_hand import at_hand

COLUMNS = {"WORK": "work", "LANE": "lane", "STATE": "state", "COUNT": "count"}

queue = Family(name="queue", help="Work that waits.")


@queue.command("list")
@listing_options
def list_(limit: int, as_json: bool) -> None:
    """List how much work waits, runs or is put aside, by kind and lane."""
    with at_hand() as here:
        rows = showing.queues(here)[:limit]
    listing(rows, COLUMNS, as_json=as_json, empty="Nothing waits.")


effects_option = click.option("--effects", is_flag=True, help="Every change outside: Procore, destinations, messages.")


@queue.command()
@effects_option
@click.option("--reason", required=True, help="Why, for those who find it paused.")
def pause(effects: bool, reason: str) -> None:
    """Hold work back. With --effects no change goes out any more, within a second, in no process.

    Events are kept, records read and rows written as before; a run that comes to a change waits and loses nothing.
    """
    _meant(effects)
    with at_hand() as here:
        switching.pause_effects(here, reason)
    say("Changes outside are paused. To let them go out again: tieback queue resume --effects")


@queue.command()
@effects_option
def resume(effects: bool) -> None:
    """Let go on what `queue pause` held back."""
    _meant(effects)
    with at_hand() as here:
        waiting = switching.resume_effects(here)
    say(f"Changes go out again; {waiting} run{'' if waiting == 1 else 's'} waited for it.")


def _meant(effects: bool) -> None:
    if not effects:
        raise ConfigError("say what is meant: --effects holds back every change outside.")
