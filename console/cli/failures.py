"""`tieback failures …`"""

from __future__ import annotations

import click

from console.cli.family import Family
from console.cli.output import listing, listing_options, say
from console.verbs import failing
from console.verbs.at_hand import at_hand

COLUMNS = {
    "CAUSE": "cause", "STATE": "state", "RUNS": "count", "KIND": "kind", "SINCE": "first", "LAST": "last", "WHAT": "message",
}  # fmt: skip

failures = Family(name="failures", help="What failed within a week, by cause.")
cause_argument = click.argument("cause")


@failures.command("list")
@listing_options
def list_(limit: int, as_json: bool) -> None:
    """List the causes of failures, open ones first, those with most runs before the others.

    Try the runs of one again: tieback runs retry --where cause=CAUSE --canary 1
    """
    with at_hand() as here:
        rows = failing.groups(here)[:limit]
    listing(rows, COLUMNS, as_json=as_json, empty="Nothing has failed within a week.")


@failures.command()
@cause_argument
@click.option("--state", type=click.Choice(failing.STATES), default="acknowledged", show_default=True, help="What to say of it.")
@click.option("--note", default="", help="What is known about it.")
def ack(cause: str, state: str, note: str) -> None:
    """Say of a cause that it is known, to be ignored, or open again."""
    with at_hand() as here:
        failing.mark(here, cause, state, note)
    say(f"{cause}: {state}")
