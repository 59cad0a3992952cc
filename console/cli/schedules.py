"""`tieback schedules …`"""

from __future__ import annotations

from console.cli.family import Family
from console.cli.output import listing, listing_options
from console.verbs import scheduling
from console.verbs.at_hand import at_hand

COLUMNS = {
    "NEXT": "next_at", "AUTOMATION": "automation", "TRIGGER": "trigger", "WRITTEN": "written", "ZONE": "zone", "LAST": "last_at",
    "CAME OF IT": "reason",
}  # fmt: skip

schedules = Family(name="schedules", help="When automations are due by the clock.")


@schedules.command("list")
@listing_options
def list_(limit: int, as_json: bool) -> None:
    """List schedules, the next one first."""
    with at_hand() as here:
        rows = scheduling.listed(here)[:limit]
    listing(rows, COLUMNS, as_json=as_json, empty="Nothing is due by the clock.")
