"""`tieback workers …`"""

from __future__ import annotations

import click

from console.cli.family import Family
from console.cli.output import listing, listing_options, say
from console.verbs import working
from console.verbs.at_hand import at_hand

COLUMNS = {
    "WORKER": "name", "STATE": "state", "BUSY": "busy", "OF": "slots", "5 MIN": "mean", "MEMORY": "memory",
    "LAST SIGN": "beat_at", "WHY": "why",
}  # fmt: skip

workers = Family(name="workers", help="The processes that do the work.")
name_argument = click.argument("name")


@workers.command("list")
@listing_options
def list_(limit: int, as_json: bool) -> None:
    """List worker processes: threads that are busy, how busy they were on average, memory, and who drains one."""
    with at_hand() as here:
        rows = working.workers(here)[:limit]
    listing(rows if as_json else [_told(row) for row in rows], COLUMNS, as_json=as_json, empty="No worker gave a sign of life.")


def _told(row: dict[str, object]) -> dict[str, object]:
    from console.shapes import size

    usage, drain = row["usage"], row["drain"]
    mean = f"{sum(usage) / len(usage):.0f} %" if isinstance(usage, list) and usage else None
    why = f"drained by {drain['by']}: {drain['reason']}" if isinstance(drain, dict) else ""
    return {**row, "mean": mean, "memory": size(row["memory_bytes"]), "why": why}


@workers.command()
@name_argument
@click.option("--reason", required=True, help="Why, for those who find it idle.")
@click.option("--end", "ends", is_flag=True, help="Its process ends once it is empty, and is not started again.")
def drain(name: str, reason: str, ends: bool) -> None:
    """Let a worker run empty: it takes nothing new and finishes what it has. NAME may be the end of a name.

    Watch it with `workers list`: emptying, then empty. With --end what looks after the process may still bring it back: a
    container that restarts always does.
    """
    with at_hand() as here:
        one = working.drain(here, name, reason, ends=ends)
    say(f"{one['name']} runs empty; it holds {one['busy']} now." + ("" if ends else f" To go on: tieback workers resume {name}"))


@workers.command()
@name_argument
def resume(name: str) -> None:
    """Let a drained worker take work again."""
    with at_hand() as here:
        one = working.resume(here, name)
    say(f"{one['name']} takes work again.")
