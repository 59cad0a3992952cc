"""`tieback alerts …`"""

from __future__ import annotations

import click

from console.cli.family import Family
from console.cli.output import RowId, json_option, listing, listing_options, say, show_json
from console.verbs import alerting, fitting
from console.verbs.at_hand import at_hand

COLUMNS = {
    "ID": "id", "STATE": "state", "SEVERITY": "severity", "KIND": "kind", "ABOUT": "subject", "SINCE": "since", "TOLD": "told",
    "SEEN BY": "acked_by", "WHAT": "message",
}  # fmt: skip

alerts = Family(name="alerts", help="What is not as it should be.")


@alerts.command("list")
@click.option("--state", type=click.Choice(fitting.ALERTS["state"]), help="Only alerts in this state.")
@listing_options
def list_(state: str | None, limit: int, as_json: bool) -> None:
    """List alerts, newest first."""
    with at_hand() as here:
        rows = alerting.listed(here, limit, state)
    shown = rows if as_json else [{**row, "told": ", ".join(row["told"]) or None} for row in rows]
    listing(shown, COLUMNS, as_json=as_json, empty="Nothing was noticed.")


@alerts.command()
@click.argument("id", type=RowId())
@click.option("--note", default="", help="What is being done about it.")
def ack(id: int, note: str) -> None:
    """Say that somebody looks after an alert."""
    with at_hand() as here:
        alerting.ack(here, id, note)
    say(f"alert {id}: acknowledged")


@alerts.command()
@click.argument("destination")
@json_option
def test(destination: str, as_json: bool) -> None:
    """Send a test alert, as the destination's file is now, and say which alerts would go there."""
    with at_hand(makes=True) as here:
        found = alerting.test(here, destination)
    if as_json:
        show_json(found)
        return
    say(f"{found['name']}: {found['said']}")
    kinds = ", ".join(found["kinds"])
    say(f"{found['name']} is told of {kinds or 'nothing yet: no route in alerts.yaml names it'}.")
