"""`tieback runs …`"""

from __future__ import annotations

import click

from console.cli import story
from console.cli.family import Family
from console.cli.output import RowId, json_option, listing, listing_options, say, show_json
from console.verbs import running, showing, starting
from console.verbs.at_hand import at_hand

COLUMNS = {
    "ID": "id", "STATE": "state", "AUTOMATION": "automation", "RESOURCE": "resource_name", "RECORD": "resource_id",
    "VERB": "action", "CREATED": "created_at", "WHY": "reason",
}  # fmt: skip
STATES = ("waiting", "running", "ok", "failed", "skipped", "cancelled", "parked")

runs = Family(name="runs", help="What automations did, step by step.")
ids_argument = click.argument("ids", nargs=-1, required=True, type=RowId(), metavar="ID...")


@runs.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only runs in this state.")
@click.option("--automation", help="Only runs of this automation.")
@click.option("--connector", help="Only runs of this connector.")
@click.option("--event", "event_id", type=RowId(), help="Only runs of this event.")
@listing_options
def list_(
    state: str | None, automation: str | None, connector: str | None, event_id: int | None, limit: int, as_json: bool
) -> None:
    """List runs, newest first."""
    with at_hand() as here:
        rows = showing.run_list(here, limit=limit, state=state, automation=automation, connector=connector, event_id=event_id)
    listing(rows, COLUMNS, as_json=as_json, empty="There is no such run.")


@runs.command()
@click.argument("id", type=RowId())
@json_option
def show(id: int, as_json: bool) -> None:
    """Tell the whole story of one run: event, version, conditions, copies, steps, calls and effects."""
    with at_hand() as here:
        found = showing.run(here, id)
    if as_json:
        show_json(found)
    else:
        story.run(found)


@runs.command()
@click.argument("automation")
@click.option("--record", metavar="ID", help="The record it is about, when its manual trigger names a resource.")
@click.option("--project", metavar="ID", help="The record's project, when no copy of it tells.")
def start(automation: str, record: str | None, project: str | None) -> None:
    """Start an automation that has a manual trigger."""
    with at_hand() as here:
        id = starting.start(here, automation, record, project)
    say(f"run {id} is due. Next: tieback runs show {id}")


@runs.command()
@ids_argument
@click.option(
    "--through", is_flag=True, help="Also while its lane or connector is paused: to test one. A waiting run will do too."
)
def retry(ids: tuple[int, ...], through: bool) -> None:
    """Try failed, parked or cancelled runs again. Steps that succeeded are not repeated."""
    with at_hand() as here:
        for id in ids:
            running.retry(here, id, through=through)
            say(f"run {id}: goes on, through a pause as well" if through else f"run {id}: due again")


@runs.command()
@ids_argument
@click.option("--reason", default="cancelled by hand", show_default=True, help="Why, for those who look later.")
def cancel(ids: tuple[int, ...], reason: str) -> None:
    """End waiting or parked runs."""
    with at_hand() as here:
        for id in ids:
            running.cancel(here, id, reason)
            say(f"run {id}: cancelled")
