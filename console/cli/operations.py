"""`tieback operations …`"""

from __future__ import annotations

import time
from typing import Any

import click

from console.cli.family import Family
from console.cli.output import RowId, json_option, listing, listing_options, say, show_json, shown
from console.verbs import fitting, operating
from console.verbs.at_hand import AtHand, at_hand

COLUMNS = {
    "ID": "id", "KIND": "kind", "STATE": "state", "TOTAL": "total", "DONE": "done", "FAILED": "failed", "SKIPPED": "skipped",
    "BY": "requested_by", "CREATED": "created_at", "WHY": "reason",
}  # fmt: skip
FACTS = ("what", "why", "requested_by", "created_at", "starts_at", "started_at", "finished_at", "rate", "canary", "reason")
LOOK_S = 0.5

operations = Family(name="operations", help="Long work: bulk retries, cancels and replays, back-tests, imports.")
id_argument = click.argument("id", type=RowId())


@operations.command("list")
@click.option("--kind", type=click.Choice(operating.KINDS), help="Only of this kind.")
@click.option("--state", type=click.Choice(fitting.OPERATIONS["state"]), help="Only in this state.")
@listing_options
def list_(kind: str | None, state: str | None, limit: int, as_json: bool) -> None:
    """List operations, newest first."""
    with at_hand() as here:
        rows = operating.listed(here, limit, kind=kind, state=state)
    listing(rows, COLUMNS, as_json=as_json, empty="There is no such operation.")


@operations.command()
@id_argument
@click.option("--wait", is_flag=True, help="Wait until it has ended or rests; exit 1 unless it is done.")
@json_option
def show(id: int, wait: bool, as_json: bool) -> int:
    """Show one operation: how far it is, what became of its runs, and what can be done with it."""
    with at_hand() as here:
        found = followed(here, id) if wait else operating.shown(here, id)
    if as_json:
        show_json(found)
    else:
        tell(found)
    return 1 if wait and found["state"] != "done" else 0


@operations.command()
@id_argument
@click.option("--reason", default="", help="Why, for those who look later.")
def pause(id: int, reason: str) -> None:
    """Do nothing more until it is resumed."""
    with at_hand() as here:
        operating.pause(here, id, reason)
    say(f"operation {id}: paused")


@operations.command()
@id_argument
def resume(id: int) -> None:
    """Go on; with the rest all the same, when its first runs did not end well."""
    with at_hand() as here:
        operating.resume(here, id)
    say(f"operation {id}: goes on")


@operations.command()
@id_argument
@click.option("--reason", default="", help="Why, for those who look later.")
def cancel(id: int, reason: str) -> None:
    """End it, or withdraw it before it begins. Runs that it made due go on."""
    with at_hand() as here:
        operating.cancel(here, id, reason)
    say(f"operation {id}: cancelled")


@operations.command("take-back")
@id_argument
def take_back(id: int) -> None:
    """End it, and make the runs that nobody has begun with what they were before."""
    with at_hand() as here:
        operating.take_back(here, id)
    say(f"operation {id}: is being taken back. Look: tieback operations show {id}")


def followed(here: AtHand, id: int) -> dict[str, Any]:
    """It once it has ended, or rests until a person says so."""
    while (found := operating.shown(here, id))["state"] not in operating.RESTS:
        time.sleep(LOOK_S)
    return found


def tell(found: dict[str, Any]) -> None:
    say(f"operation {found['id']}, {found['kind']}: {found['state']}")
    for key in FACTS:
        say(f"  {key:12} {shown(found[key])}")
    of = f" of {found['total']}" if found["total"] is not None else ""
    taken = f", {found['taken_back']} taken back" if found["taken_back"] else ""
    say(f"  {'progress':12} {found['done']}{of} done, {found['failed']} failed, {found['skipped']} skipped{taken}")
    if found["outcomes"]:
        say(f"  {'its runs':12} {', '.join(f'{count} {state}' for state, count in sorted(found['outcomes'].items()))}")
    if found["may"]:
        say(f"  {'it can be':12} {', '.join(found['may'])}")
