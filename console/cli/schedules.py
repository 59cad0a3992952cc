"""`tieback schedules …`"""

from __future__ import annotations

import click

from console.cli.family import Family
from console.cli.output import listing, listing_options, say
from console.verbs import scheduling
from console.verbs.at_hand import at_hand

COLUMNS = {
    "NEXT": "next_at", "NAME": "name", "WRITTEN": "written", "LAST": "last_at", "CAME OF IT": "reason",
}  # fmt: skip

schedules = Family(name="schedules", help="When automations are due by the clock.")


@schedules.command("list")
@listing_options
def list_(limit: int, as_json: bool) -> None:
    """List schedules, the next one first."""
    with at_hand() as here:
        rows = scheduling.listed(here)[:limit]
    listing(rows, COLUMNS, as_json=as_json, empty="Nothing is due by the clock.")


@schedules.command()
@click.argument("name")
def run(name: str) -> None:
    """Let a schedule happen now, beside its times. NAME is automation/trigger/zone, as the list has it."""
    with at_hand() as here:
        told = scheduling.run(here, name)
    say(f"{name}: {told}")
