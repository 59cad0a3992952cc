"""`tieback deliveries …`"""

from __future__ import annotations

import click

from console.cli.family import Family
from console.cli.output import listing, listing_options
from console.cli.repairing import repair, repairs
from console.verbs import fitting, showing
from console.verbs.at_hand import at_hand

COLUMNS = {
    "ID": "id",
    "RECEIVED": "received_at",
    "STATE": "state",
    "CONNECTOR": "connector",
    "BYTES": "bytes",
    "KEY": "delivery_key",
    "WHY": "reason",
}

deliveries = Family(name="deliveries", help="What Procore sent.")
deliveries.add_command(repair)
deliveries.add_command(repairs)


@deliveries.command("list")
@click.option("--state", type=click.Choice(fitting.DELIVERIES["state"]), help="Only deliveries in this state.")
@click.option("--connector", help="Only deliveries of this connector.")
@listing_options
def list_(state: str | None, connector: str | None, limit: int, as_json: bool) -> None:
    """List deliveries as they came in by the door, newest first."""
    with at_hand() as here:
        rows = showing.deliveries(here, limit=limit, state=state, connector=connector)
    listing(rows, COLUMNS, as_json=as_json, empty="There is no such delivery.")
