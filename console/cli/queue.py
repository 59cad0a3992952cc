"""`tieback queue …`"""

from __future__ import annotations

import click

from config.errors import ConfigError
from connectors.quota_state import LANES
from console.cli.family import Family
from console.cli.output import listing, listing_options, say
from console.verbs import holding, showing, switching
from console.verbs.at_hand import at_hand

COLUMNS = {"WORK": "work", "LANE": "lane", "STATE": "state", "COUNT": "count"}
OF_LANES = {"LANE": "lane", "OLDEST DUE": "oldest", "DUE": "due", "WAITING": "waiting", "RUNNING": "running", "PAUSED": "why"}

queue = Family(name="queue", help="Work that waits.")
lane_argument = click.argument("lane", required=False, type=click.Choice(LANES))


@queue.command("list")
@listing_options
def list_(limit: int, as_json: bool) -> None:
    """List how much work waits, runs or is put aside, by kind and lane."""
    with at_hand() as here:
        rows = showing.queues(here)[:limit]
    listing(rows, COLUMNS, as_json=as_json, empty="Nothing waits.")


@queue.command()
@listing_options
def lanes(limit: int, as_json: bool) -> None:
    """List the lanes, the most urgent first: since when the oldest work is due, and who paused one."""
    with at_hand() as here:
        rows = holding.lanes(here)[:limit]
    listing(rows if as_json else [{**row, "why": _why(row["pause"])} for row in rows], OF_LANES, as_json=as_json, empty="")


def _why(pause: dict[str, object] | None) -> str:
    return f"by {pause['by']}: {pause['reason']}" if pause else ""


effects_option = click.option("--effects", is_flag=True, help="Every change outside: Procore, destinations, messages.")


@queue.command()
@lane_argument
@effects_option
@click.option("--reason", required=True, help="Why, for those who find it paused.")
@click.option("--hours", type=click.FloatRange(0, 336, min_open=True), help="A lane goes on by itself after so many hours.")
def pause(lane: str | None, effects: bool, reason: str, hours: float | None) -> None:
    """Hold work back: a lane, or with --effects every change outside.

    Of a paused lane nothing new is taken; what arrives is kept and waits. With --effects no change goes out any more, within a
    second, in no process; events are kept, records read and rows written as before; a run that comes to a change waits and
    loses nothing.
    """
    _meant(lane, effects)
    if effects and hours is not None:
        raise ConfigError("changes outside are held until they are let go by hand. Leave --hours out.")
    with at_hand() as here:
        if lane is None:
            switching.pause_effects(here, reason)
            say("Changes outside are paused. To let them go out again: tieback queue resume --effects")
            return
        holding.pause_lane(here, lane, reason, hours)
    say(f"{lane}: paused" + (f" for {hours:g} h" if hours else f". To let it go on: tieback queue resume {lane}"))


@queue.command()
@lane_argument
@effects_option
def resume(lane: str | None, effects: bool) -> None:
    """Let go on what `queue pause` held back."""
    _meant(lane, effects)
    with at_hand() as here:
        if lane is None:
            waiting = switching.resume_effects(here)
            say(f"Changes go out again; {waiting} run{'' if waiting == 1 else 's'} waited for it.")
            return
        holding.resume_lane(here, lane)
    say(f"{lane}: goes on")


def _meant(lane: str | None, effects: bool) -> None:
    if (lane is None) != effects:
        raise ConfigError(f"say what is meant: one lane ({', '.join(LANES)}), or --effects for every change outside.")
