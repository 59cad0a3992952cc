"""`tieback audit …`"""

from __future__ import annotations

from console.cli.family import Family
from console.cli.output import listing, listing_options, say
from console.verbs import auditing
from console.verbs.at_hand import at_hand

COLUMNS = {"ID": "id", "AT": "at", "WHO": "actor", "WHAT": "verb", "ABOUT": "subject", "DETAIL": "detail"}

audit = Family(name="audit", help="Who changed what.")


@audit.command("list")
@listing_options
def list_(limit: int, as_json: bool) -> None:
    """List changes, newest first."""
    with at_hand() as here:
        rows = auditing.newest(here, limit)
    listing(rows, COLUMNS, as_json=as_json, empty="Nothing was changed yet.")


@audit.command()
def verify() -> int:
    """Check that no row was altered or taken out. Exit 1 when one was."""
    with at_hand() as here:
        id = auditing.broken_at(here)
    if id is not None:
        say(f"row {id} does not fit the one before it: it was altered, or rows before it were removed")
        return 1
    say("the audit holds: every row fits the one before it")
    return 0
