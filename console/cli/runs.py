"""`tieback runs …`"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from config.errors import ConfigError
from console.cli import bulk, story
from console.cli.family import Family
from console.cli.output import RowId, json_option, listing, listing_options, say, show_json
from console.verbs import choosing, editing, fitting, running, showing, starting
from console.verbs.at_hand import at_hand

COLUMNS = {
    "ID": "id", "STATE": "state", "AUTOMATION": "automation", "RESOURCE": "resource_name", "RECORD": "resource_id",
    "VERB": "action", "CREATED": "created_at", "WHY": "reason",
}  # fmt: skip

runs = Family(name="runs", help="What automations did, step by step.")
ids_argument = click.argument("ids", nargs=-1, type=RowId(), metavar="[ID]...")
where_option = click.option(
    "--where", "conditions", multiple=True, metavar="NAME=VALUE",
    help=f"Those that fit; may be given several times. Names: {', '.join(choosing.OF_RUNS)}.",
)  # fmt: skip


@runs.command("list")
@click.option("--state", type=click.Choice(fitting.RUNS["state"]), help="Only runs in this state.")
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
@where_option
@click.option("--failed-since", metavar="TIME", help="All that failed since then: 6h, 2d or a moment.")
@click.option(
    "--through", is_flag=True, help="One run, also while its lane or connector is paused: to test it. A waiting one will do too."
)
@bulk.options
def retry(
    ids: tuple[int, ...], conditions: tuple[str, ...], failed_since: str | None, through: bool, **given: Any
) -> int:  # fmt: skip
    """Try failed, parked or cancelled runs again. Steps that succeeded are not repeated.

    One run is due again at once. Several, or those that --where finds (failed ones unless it says a state), become an
    operation that a worker does; it can be followed, paused, cancelled and taken back: tieback operations.
    """
    where = {**bulk.where(conditions), **({"ended_since": failed_since} if failed_since else {})}
    with at_hand() as here:
        if len(ids) == 1 and not where:
            running.retry(here, ids[0], through=through)
            return _did(ids[0], "goes on, through a pause as well" if through else "due again", given)
        if through:
            raise ConfigError("--through is for one run, to test it: give its id alone.")
        return bulk.begin(here, "retry", {"where": where, "ids": list(ids)}, given)


@runs.command()
@click.argument("id", type=RowId())
@click.option("--body", "body", metavar="FILE", help="JSON that stands in the place of event.body; - reads stdin.")
@click.option("--inputs", "inputs", multiple=True, metavar="STEP=FILE", help="JSON with the whole inputs of a step.")
@click.option("--from-beginning", is_flag=True, help="Do all steps again; else it goes on where it stopped or is edited.")
@json_option
def edit(id: int, body: str | None, inputs: tuple[str, ...], from_beginning: bool, as_json: bool) -> None:
    """Try a run once more with edits, as a new run; the run itself stays as it is.

    A step whose inputs are the same makes no effect a second time; one whose inputs differ makes another one beside it.
    What it was given: tieback runs show ID --json
    """
    given = {step: _read(path) for step, path in bulk.where(inputs).items()}
    with at_hand() as here:
        new = editing.retry(
            here, id, body=editing.NOTHING if body is None else _read(body), inputs=given, beginning=from_beginning
        )
    if as_json:
        show_json({"run": new, "of": id})
    else:
        say(f"run {new} is run {id} once more with your edits. Next: tieback runs show {new}")


def _read(path: str) -> Any:
    """The JSON of a file. Raises: ConfigError with its place."""
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8 text'}).") from None
    try:
        return json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{path} is no JSON ({error}).") from None


@runs.command()
@ids_argument
@where_option
@bulk.options
def cancel(ids: tuple[int, ...], conditions: tuple[str, ...], **given: Any) -> int:
    """End waiting, running or parked runs: at once, or before their next step.

    One run at once. Several, or those that --where finds, as an operation: tieback operations.
    """
    where = bulk.where(conditions)
    with at_hand() as here:
        if len(ids) == 1 and not where:
            running.cancel(here, ids[0], given["reason"] or "cancelled by hand")
            return _did(ids[0], "cancelled", given)
        return bulk.begin(here, "cancel", {"where": where, "ids": list(ids)}, given)


def _did(id: int, became: str, given: Mapping[str, Any]) -> int:
    show_json({"run": id, "became": became}) if given["as_json"] else say(f"run {id}: {became}")
    return 0
