"""`tieback deliveries repair` and `tieback deliveries repairs`"""

from __future__ import annotations

import datetime as dt
from typing import Any

import click

from console.cli.importing import Since
from console.cli.output import json_option, listing, listing_options, say, show_json
from console.verbs import repairing
from console.verbs.at_hand import at_hand

COLUMNS = {
    "ID": "id", "BEGAN": "started_at", "CONNECTOR": "connector", "LOOKED AT": "kind", "FOUND": "found", "REPAIRED": "repaired",
    "UNREPAIRABLE": "unrepairable", "WHY": "reason",
}  # fmt: skip
MOST_NAMED = 20


@click.command()
@click.argument("connector", required=False)
@click.option("--since", type=Since(), metavar="DATE", help="Look from then on; else from where the last look ended.")
@click.option("--sweep", is_flag=True, help="Also read what changed in each list that automations listen to.")
@click.option("--ids", is_flag=True, help="Also read those lists as a whole, for what is unknown here and what is gone there.")
@json_option
def repair(connector: str | None, since: dt.datetime | None, sweep: bool, ids: bool, as_json: bool) -> int:
    """Bring in what webhooks missed, for one connector or all: what Procore's own log says it could not deliver.

    It is done by itself every 15 minutes, a sweep too, and the comparison once a day. What is found takes the path of any
    other event; automations that have seen it already do nothing. Exit 1 when a look did not end.
    """
    with at_hand() as here:
        done, troubles = repairing.look(here, connector, since=since, sweep=sweep, ids=ids)
    if as_json:
        show_json(done)
    for row in [] if as_json else done:
        _say(row)
    for trouble in troubles:
        click.echo(f"tieback: {trouble}", err=True)
    return 1 if troubles else 0


@click.command()
@click.argument("connector", required=False)
@listing_options
def repairs(connector: str | None, limit: int, as_json: bool) -> None:
    """List the looks for what webhooks missed, newest first; --json names each thing that was found."""
    with at_hand() as here:
        rows = repairing.listed(here, connector, limit)
    listing(rows, COLUMNS, as_json=as_json, empty="Nobody has looked yet. It is done every 15 minutes while Tieback runs.")


def _say(row: dict[str, Any]) -> None:
    say(
        f"{row['connector']}, {row['kind']}: {row['found']} found, {row['repaired']} repaired, {row['unrepairable']} unrepairable"
    )
    left = [item for item in row["items"] if item["outcome"] == "unrepairable"]
    for item in left[:MOST_NAMED]:
        say(f"  {item['what']}: {item.get('reason') or 'no reason is known'}")
    if len(left) > MOST_NAMED:
        say(f"  … and {len(left) - MOST_NAMED} more; all of them: tieback deliveries repairs --json")
