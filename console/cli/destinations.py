"""`tieback destinations …`"""

from __future__ import annotations

import click

from console.cli.family import Family
from console.cli.output import json_option, listing, listing_options, say, show_json
from console.verbs import telling
from console.verbs.at_hand import at_hand

COLUMNS = {
    "NAME": "name",
    "STATE": "state",
    "LAST OK": "last_ok_at",
    "LAST FAILURE": "last_failed_at",
    "WAITING": "waiting",
    "FILE": "file",
    "WHY": "last_error",
}

destinations = Family(name="destinations", help="Where messages and data go.")


@destinations.command("list")
@listing_options
def list_(limit: int, as_json: bool) -> None:
    """List destinations with when something last went there and when it last did not."""
    with at_hand() as here:
        rows = telling.listed(here)[:limit]
    shown = rows if as_json else [{**row, "last_error": row["broken"] or row["last_error"]} for row in rows]
    listing(shown, COLUMNS, as_json=as_json, empty="There is no destination yet. Put a file into destinations/ of the site.")


@destinations.command()
@click.argument("name")
@click.option("--recipient", "recipients", multiple=True, help="An address, for email:; may be repeated.")
@json_option
def test(name: str, recipients: tuple[str, ...], as_json: bool) -> int:
    """Send a test message, as the file is now. Prints what the far end said; exit 1 when it was not taken, with the mend."""
    with at_hand(makes=True) as here:
        found = telling.try_out(here, name, recipients)
    if as_json:
        show_json(found)
        return 1 if found["refused"] else 0
    say(f"{found['name']}: {found['said']}")
    for address, why in found["refused"].items():
        say(f"{found['name']}: not taken for {address}: {why}")
    return 1 if found["refused"] else 0
