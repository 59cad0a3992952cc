"""`tieback events …`"""

from __future__ import annotations

import click

from console.cli import story
from console.cli.family import Family
from console.cli.output import RowId, json_option, listing, listing_options, show_json
from console.verbs import fitting, showing
from console.verbs.at_hand import at_hand

COLUMNS = {
    "ID": "id", "DELIVERY": "delivery_id", "RECEIVED": "received_at", "STATE": "state", "CONNECTOR": "connector",
    "RESOURCE": "resource_name", "VERB": "action", "RECORD": "resource_id", "WHY": "reason",
}  # fmt: skip

MORE = {"replay": ("replaying:replay", "Let stored events come once more for one automation.")}

events = Family(name="events", help="What the deliveries said, and what became of it.", table=MORE)


@events.command("list")
@click.option("--state", type=click.Choice(fitting.EVENTS["state"]), help="Only events in this state.")
@click.option("--connector", help="Only events of this connector.")
@listing_options
def list_(state: str | None, connector: str | None, limit: int, as_json: bool) -> None:
    """List events, newest first; a delivery is shown from the moment it is kept."""
    with at_hand() as here:
        rows = showing.events(here, limit=limit, state=state, connector=connector)
    listing(rows, COLUMNS, as_json=as_json, empty="There is no such event.")


@events.command()
@click.argument("id", type=RowId())
@click.option("--delivery", is_flag=True, help="ID is that of a delivery, such as one that was quarantined and made no event.")
@json_option
def show(id: int, delivery: bool, as_json: bool) -> None:
    """Tell the whole story of one event: what was sent, why each automation did or did not run, and the runs."""
    with at_hand() as here:
        found = showing.delivery(here, id) if delivery else showing.event(here, id)
    if as_json:
        show_json(found)
    elif delivery:
        story.delivery(found)
    else:
        story.event(found)
