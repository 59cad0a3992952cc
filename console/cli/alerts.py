"""`tieback alerts …`"""

from __future__ import annotations

import click

from console.cli.family import Family
from console.cli.output import RowId, listing, listing_options, say
from console.verbs import alerting
from console.verbs.at_hand import at_hand

COLUMNS = {
    "ID": "id", "STATE": "state", "KIND": "kind", "ABOUT": "subject", "SINCE": "since", "SEEN BY": "acked_by", "WHAT": "message",
}  # fmt: skip

alerts = Family(name="alerts", help="What is not as it should be.")


@alerts.command("list")
@click.option("--state", type=click.Choice(("open", "resolved")), help="Only alerts in this state.")
@listing_options
def list_(state: str | None, limit: int, as_json: bool) -> None:
    """List alerts, newest first."""
    with at_hand() as here:
        rows = alerting.listed(here, limit, state)
    listing(rows, COLUMNS, as_json=as_json, empty="Nothing was noticed.")


@alerts.command()
@click.argument("id", type=RowId())
@click.option("--note", default="", help="What is being done about it.")
def ack(id: int, note: str) -> None:
    """Say that somebody looks after an alert."""
    with at_hand() as here:
        alerting.ack(here, id, note)
    say(f"alert {id}: acknowledged")
