"""`tieback effects …`"""

from __future__ import annotations

import click

from console.cli.family import Family
from console.cli.output import listing, listing_options
from console.verbs import showing
from console.verbs.at_hand import at_hand

COLUMNS = {
    "ID": "id",
    "STATE": "state",
    "RUN": "run_id",
    "STEP": "step",
    "POLICY": "policy",
    "CREATED": "created_at",
    "WHAT": "summary",
}

effects = Family(name="effects", help="The ledger of changes in the outside world.")


@effects.command("list")
@click.option("--state", type=click.Choice(("intent", "applied", "failed", "uncertain")), help="Only effects in this state.")
@listing_options
def list_(state: str | None, limit: int, as_json: bool) -> None:
    """List effects, newest first. `intent` and `uncertain` ones may or may not have arrived."""
    with at_hand() as here:
        rows = showing.effects(here, limit=limit, state=state)
    listing(rows, COLUMNS, as_json=as_json, empty="There is no such effect.")
