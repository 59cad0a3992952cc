"""`tieback records …`"""

from __future__ import annotations

import click

from console.cli.family import Family
from console.cli.output import json_option, listing, say, show_json
from console.verbs import showing
from console.verbs.at_hand import at_hand

COLUMNS = {
    "COPY": "id",
    "CONNECTOR": "connector",
    "UPDATED": "updated_at",
    "FETCHED": "fetched_at",
    "DELETED": "deleted_at",
    "EVENT": "event_id",
    "HASH": "record_hash",
}

records = Family(name="records", help="Our copies of Procore's records.")


@records.command()
@click.argument("resource")
@click.argument("id")
@click.option("--connector", help="Only copies of this connector.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="At most so many copies, newest first."
)
@json_option
def show(resource: str, id: str, connector: str | None, limit: int, as_json: bool) -> None:
    """Show our copies of one record, such as `tieback records show RFIs 4398046512001`; the newest in full."""
    with at_hand() as here:
        copies = showing.record(here, resource, id, connector=connector, limit=limit)
    if as_json:
        show_json(copies)
        return
    listing([{**copy, "record_hash": copy["record_hash"][:12]} for copy in copies], COLUMNS, as_json=False, empty="")
    say()
    show_json(copies[0]["body"])
