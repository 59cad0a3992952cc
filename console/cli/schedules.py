"""`tieback schedules …`"""

from __future__ import annotations

import click

from console.cli.family import Family
from console.cli.output import for_how_long, listing, listing_options, pause_length, say
from console.verbs import scheduling
from console.verbs.at_hand import at_hand

COLUMNS = {
    "NEXT": "next_at", "NAME": "name", "WHEN": "words", "LAST": "last_at", "MISSED": "missed", "CAME OF IT": "reason",
    "HELD": "why",
}  # fmt: skip

schedules = Family(name="schedules", help="When automations are due by the clock.")
name_argument = click.argument("name")


@schedules.command("list")
@listing_options
def list_(limit: int, as_json: bool) -> None:
    """List schedules, the next one first; --json has the next five times and those that were missed within a week."""
    with at_hand() as here:
        rows = scheduling.listed(here)[:limit]
    told = [{**row, "missed": len(row["missed"]) or None, "why": (row["held"] or {}).get("reason")} for row in rows]
    listing(rows if as_json else told, COLUMNS, as_json=as_json, empty="Nothing is due by the clock.")


@schedules.command()
@name_argument
def run(name: str) -> None:
    """Let a schedule happen now, beside its times. NAME is automation/trigger/zone, as the list has it."""
    with at_hand() as here:
        told = scheduling.run(here, name)
    say(f"{name}: {told}")


@schedules.command("catch-up")
@name_argument
@click.argument("at")
def catch_up(name: str, at: str) -> None:
    """Make up for a planned time that passed without an event. AT such as 2026-03-01T07:00:00Z; see `list --json`."""
    with at_hand() as here:
        told = scheduling.catch_up(here, name, at)
    say(f"{name}: {told}")


@schedules.command()
@name_argument
@click.option("--reason", required=True, help="Why, for those who find it paused.")
@pause_length
def pause(name: str, reason: str, for_s: float | None) -> None:
    """Let the times of a schedule pass without an event; what its automation hears otherwise goes on."""
    with at_hand() as here:
        scheduling.hold(here, name, reason, for_s)
    say(f"{name}: paused{for_how_long(for_s)}. To let it go on: tieback schedules resume {name}")


@schedules.command()
@name_argument
def resume(name: str) -> None:
    """Let a paused schedule go on. What it missed: `schedules list --json`, then `schedules catch-up`."""
    with at_hand() as here:
        scheduling.go_on(here, name)
    say(f"{name}: goes on")
