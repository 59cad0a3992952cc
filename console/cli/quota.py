"""`tieback quota …`"""

from __future__ import annotations

from typing import Any

import click

from console.cli.family import Family
from console.cli.output import listing, listing_options, say
from console.verbs import spending
from console.verbs.at_hand import at_hand

COLUMNS = {
    "CONNECTOR": "connector",
    "WINDOW": "window",
    "LIMIT": "limit",
    "LEFT": "left",
    "FREE AGAIN IN": "resets",
    "WEBHOOK": "webhook",
    "MANUAL": "manual",
    "SCHEDULE": "schedule",
    "BACKFILL": "backfill",
}

quota = Family(name="quota", help="What is left of Procore's rate limits.")


@quota.command()
@click.argument("connector", required=False)
@listing_options
def show(connector: str | None, limit: int, as_json: bool) -> None:
    """Show both rate-limit windows of one connector or all: what is left, and what each lane may still use.

    A limit with a "?" is the smallest documented one, until an answer of Procore's tells the true one.
    """
    with at_hand() as here:
        rows = spending.windows(here, connector)[:limit]
    listing(rows if as_json else map(_flat, rows), COLUMNS, as_json=as_json, empty="There is no connector yet.")
    if not as_json:
        for row in rows:
            _remark(row)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    limit = f"{row['limit']}{'' if row['known'] else '?'} per {row['length_s']:g} s"
    resets = None if row["resets_s"] is None else f"{row['resets_s']:.0f} s"
    return {**row, **row["may_use"], "limit": limit, "resets": resets}


def _remark(row: dict[str, Any]) -> None:
    """What concerns the connector as a whole, once."""
    if row["window"] != "hour":
        return
    if row["blocked_s"] is not None:
        say(f"{row['connector']}: calls pause for {row['blocked_s']:.0f} s: {row['why']}")
    for lane, statuses in row["calls_of_last_hour"].items():
        counts = ", ".join(f"{count} × {status}" for status, count in statuses.items())
        say(f"{row['connector']}: calls of the last hour, {lane}: {counts}")
