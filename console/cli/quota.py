"""`tieback quota …`"""

from __future__ import annotations

import click

from console.cli.family import Family
from console.cli.output import listing, listing_options
from console.verbs import showing
from console.verbs.at_hand import at_hand

COLUMNS = {
    "CONNECTOR": "connector",
    "WINDOW": "window",
    "LIMIT": "limit",
    "LEFT": "remaining",
    "RESETS": "reset_at",
    "BLOCKED UNTIL": "blocked_until",
}

quota = Family(name="quota", help="What is left of Procore's rate limits.")


@quota.command()
@click.argument("connector", required=False)
@listing_options
def show(connector: str | None, limit: int, as_json: bool) -> None:
    """Show what Procore's headers last said, for one connector or all."""
    with at_hand() as here:
        rows = showing.quota(here, connector)[:limit]
    listing(rows, COLUMNS, as_json=as_json, empty="No call has been made yet.")
