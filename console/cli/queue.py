"""`tieback queue …`"""

from __future__ import annotations

from console.cli.family import Family
from console.cli.output import listing, listing_options
from console.verbs import showing
from console.verbs.at_hand import at_hand

COLUMNS = {"WORK": "work", "LANE": "lane", "STATE": "state", "COUNT": "count"}

queue = Family(name="queue", help="Work that waits.")


@queue.command("list")
@listing_options
def list_(limit: int, as_json: bool) -> None:
    """List how much work waits, runs or is put aside, by kind and lane."""
    with at_hand() as here:
        rows = showing.queues(here)[:limit]
    listing(rows, COLUMNS, as_json=as_json, empty="Nothing waits.")
