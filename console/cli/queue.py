"""`tieback queue …`"""

from __future__ import annotations

import click

from config.errors import ConfigError
from connectors.quota_state import LANES
from console.cli.family import Family
from console.cli.output import for_how_long, listing, listing_options, pause_length, say
from console.verbs import holding, showing, switching
from console.verbs.at_hand import at_hand

COLUMNS = {"WORK": "work", "LANE": "lane", "STATE": "state", "COUNT": "count"}
OF_LANES = {
    "LANE": "lane",
    "OLDEST DUE": "oldest",
    "DUE": "due",
    "WAITING": "waiting",
    "RUNNING": "running",
    "AT MOST": "most",
    "PAUSED": "why",
}

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
    told = rows if as_json else [{**row, "why": _why(row["pause"]), "most": (row["limit"] or {}).get("most")} for row in rows]
    listing(told, OF_LANES, as_json=as_json, empty="")


def _why(pause: dict[str, object] | None) -> str:
    if not pause:
        return ""
    drained = f"runs empty, {pause['left']} left, " if pause["kind"] == "drain" else ""
    return f"{drained}by {pause['by']}: {pause['reason']}"


effects_option = click.option("--effects", is_flag=True, help="Every change outside: Procore, destinations, messages.")


@queue.command()
@lane_argument
@effects_option
@click.option("--reason", required=True, help="Why, for those who find it paused.")
@pause_length
def pause(lane: str | None, effects: bool, reason: str, for_s: float | None) -> None:
    """Hold work back: a lane, or with --effects every change outside.

    Of a paused lane nothing new is taken; what arrives is kept and waits. With --effects no change goes out any more, within a
    second, in no process; events are kept, records read and rows written as before; a run that comes to a change waits and
    loses nothing.
    """
    _meant(lane, effects)
    if effects and for_s is not None:
        raise ConfigError("changes outside are held until they are let go by hand. Leave --for out.")
    with at_hand() as here:
        if lane is None:
            switching.pause_effects(here, reason)
            say("Changes outside are paused. To let them go out again: tieback queue resume --effects")
            return
        holding.pause_lane(here, lane, reason, for_s)
    say(f"{lane}: paused{for_how_long(for_s)}. To let it go on: tieback queue resume {lane}")


named_lane = click.argument("lane", type=click.Choice(LANES))


@queue.command()
@named_lane
@click.option("--reason", required=True, help="Why, for those who find it drained.")
@pause_length
def drain(lane: str, reason: str, for_s: float | None) -> None:
    """Let a lane run empty: what is in it now is done, what comes from now on is kept and waits."""
    with at_hand() as here:
        holding.drain_lane(here, lane, reason, for_s)
    say(f"{lane}: runs empty{for_how_long(for_s)}. Watch it: tieback queue lanes. To let it go on: tieback queue resume {lane}")


@queue.command()
@named_lane
@click.argument("most", type=click.IntRange(1, holding.MOST_AT_ONCE), required=False)
@click.option("--lift", is_flag=True, help="As many as there are threads.")
@click.option("--reason", default="", help="Why, for those who wonder at a slow lane.")
def limit(lane: str, most: int | None, lift: bool, reason: str) -> None:
    """Let at most MOST runs and imports of a lane work at once, in all workers, from now on."""
    if (most is None) != lift:
        raise click.UsageError("say how many at once, or --lift.")
    with at_hand() as here:
        holding.limit_lane(here, lane, most, reason)
    say(f"{lane}: no limit" if most is None else f"{lane}: at most {most} at once. To lift it: tieback queue limit {lane} --lift")


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
