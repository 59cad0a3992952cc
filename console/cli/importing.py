"""`tieback import …` and `tieback imports …`"""

from __future__ import annotations

import datetime as dt
from typing import Any

import click

from console.cli.family import Family
from console.cli.import_progress import progress
from console.cli.output import RowId, json_option, listing, listing_options, say, show_json, shown, table
from console.verbs import fitting, importing
from console.verbs.at_hand import AtHand, at_hand

COLUMNS = {
    "ID": "id", "STATE": "state", "CONNECTOR": "connector", "MODE": "mode", "RESOURCES": "resources", "NEW": "new",
    "CHANGED": "changed", "UNCHANGED": "unchanged", "DELETED": "deleted", "CALLS": "calls", "CREATED": "created_at",
    "WHY": "reason",
}  # fmt: skip
COSTS = {"RESOURCE": "resource", "PROJECT": "project_id", "READS": "how", "RECORDS": "records", "CALLS": "calls"}
MOST_TROUBLES = 20


class Since(click.ParamType[dt.datetime]):
    """A day or a moment in ISO 8601; without a zone it is UTC."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.datetime:
        try:
            moment = dt.datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{str(value)[:40]!r} is no date. Write it as 2026-03-01 or 2026-03-01T10:00:00Z.", param, ctx)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
        if moment > dt.datetime.now(dt.UTC):
            self.fail(f"{str(value)[:40]!r} is in the future.", param, ctx)
        return moment


@click.command("import")
@click.argument("connector")
@click.argument("resources", nargs=-1, required=True, metavar="RESOURCE...")
@click.option("--full", is_flag=True, help="Read everything and look for deletions, even where only changes could be read.")
@click.option("--project", "projects", multiple=True, metavar="ID", help="Only this project; may be given several times.")
@click.option("--since", type=Since(), metavar="DATE", help="Only what changed, or is dated, from then on.")
@click.option(
    "--confirm-deletions",
    "confirmed",
    type=click.IntRange(min=1),
    metavar="N",
    help="So many records of this one list were really deleted in Procore, though they are more than a fifth.",
)
@click.option("--plan", is_flag=True, help="Show the calls and the time it would take; read nothing.")
@json_option
def import_(
    connector: str,
    resources: tuple[str, ...],
    full: bool,
    projects: tuple[str, ...],
    since: dt.datetime | None,
    confirmed: int | None,
    plan: bool,
    as_json: bool,
) -> int:
    """Read whole resources from Procore into tables of their names, such as rfis or punch_items.

    Changes only, where Procore can tell them and the resource was read before; else everything.
    What is stopped or killed goes on from where it was when it is asked for again, or by itself where a worker runs.
    No automation is woken. Exit 1 when a list could not be read.
    """
    with at_hand() as here:
        asked = importing.wish(here, connector, resources, projects, full, since, confirmed)
        if plan:
            return _plan(here, asked, as_json)
        id, known = importing.begin(here, asked)
        if known:
            click.echo(f"tieback: import {id} of the same has not ended: going on with it", err=True)
        try:
            with progress(lambda: importing.row(here, id)):
                importing.follow(here, id)
        except KeyboardInterrupt:
            click.echo(
                f"tieback: import {id} is stopped, what was read is kept. Go on with the same command, or give it up: "
                f"tieback imports cancel {id}",
                err=True,
            )
            return 130
        found = importing.shown(here, id)
    return _told(found, as_json)


imports = Family(name="imports", help="What was read from Procore as a whole, and what is being read.")


@imports.command("list")
@click.option("--connector", help="Only imports of this connector.")
@click.option("--state", type=click.Choice(fitting.IMPORTS["state"]), help="Only imports in this state.")
@listing_options
def list_(connector: str | None, state: str | None, limit: int, as_json: bool) -> None:
    """List imports, newest first."""
    with at_hand() as here:
        rows = importing.listed(here, limit, connector, state)
    listing(rows, COLUMNS, as_json=as_json, empty="There is no such import. Begin one: tieback import CONNECTOR RESOURCE")


@imports.command()
@click.argument("id", type=RowId())
@json_option
def show(id: int, as_json: bool) -> None:
    """Show one import: what it did, and each list that it could not read."""
    with at_hand() as here:
        found = importing.shown(here, id)
    if as_json:
        show_json(found)
        return
    say(f"import {found['id']} of {found['connector']}, {found['mode']}, asked for by {found['requested_by']}: {found['state']}")
    for key in ("created_at", "started_at", "finished_at", "holder", "reason"):
        say(f"  {key:12} {shown(found[key])}")
    say(f"  {'lists':12} {', '.join(f'{count} {state}' for state, count in sorted(found['lists'].items())) or '-'}")
    _sums(found)
    for line in _troubles(found):
        say(line)


@imports.command()
@click.argument("ids", nargs=-1, required=True, type=RowId(), metavar="ID...")
def cancel(ids: tuple[int, ...]) -> None:
    """End imports that wait or run. What they read stays."""
    with at_hand() as here:
        for id in ids:
            importing.cancel(here, id)
            say(f"import {id}: cancelled")


def _plan(here: AtHand, asked: importing.Wish, as_json: bool) -> int:
    costs, seconds, sentence = importing.plan(here, asked)
    calls, sure = sum(one.calls for one in costs), all(one.records is not None for one in costs)
    if as_json:
        show_json({"lists": [vars(one) for one in costs], "calls": calls, "seconds": seconds})
        return 0
    table([[shown(vars(one)[key]) for key in COSTS.values()] for one in costs], list(COSTS))
    say(f"{'' if sure else 'at least '}{sentence}")
    return 0


def _told(found: dict[str, Any], as_json: bool) -> int:
    failed = found["state"] != "ok"
    if as_json:
        keys = ("id", "connector", "mode", "state", "reason", "lists")
        sums = {"resources": found["counts"], "total": importing.total(found["counts"])}
        show_json({**{key: found[key] for key in keys}, **sums, "troubles": _in_short(found)})
        return 1 if failed else 0
    _sums(found)
    for line in _troubles(found):
        click.echo(f"tieback: {line}", err=True)
    if failed:
        click.echo(f"tieback: import {found['id']} {found['state']}: {shown(found['reason'])}", err=True)
    return 1 if failed else 0


def _sums(found: dict[str, Any]) -> None:
    for name, counts in found["counts"].items():
        say(f"{name}: {_sum(counts)}")
    if len(found["counts"]) != 1:
        say(f"in all: {_sum(importing.total(found['counts']))}")


def _sum(counts: dict[str, int]) -> str:
    return ", ".join(f"{counts.get(key, 0)} {key}" for key in ("new", "changed", "unchanged", "deleted", "calls"))


def _in_short(found: dict[str, Any]) -> list[dict[str, Any]]:
    keys = ("resource", "project_id", "parent_id", "state", "reason")
    return [{key: part[key] for key in keys} for part in (*found["troubles"], *found["remarks"])]


def _troubles(found: dict[str, Any]) -> list[str]:
    """A line for each list with something to say; a refusal is not repeated for each list under a parent."""
    lines = [f"{_where(part)}{part['state']}: {part['reason']}" for part in found["troubles"] if not part["parent_id"]]
    under = [part for part in found["troubles"] if part["parent_id"]]
    lines += [f"{_where(under[0])}{len(under)} lists under its parents were not read: {under[0]['reason']}"] if under else []
    lines += [part["reason"] for part in found["remarks"]]
    if len(lines) > MOST_TROUBLES:
        return [*lines[:MOST_TROUBLES], f"and {len(lines) - MOST_TROUBLES} more: tieback imports show {found['id']} --json"]
    return lines


def _where(part: dict[str, Any]) -> str:
    project = f" in project {part['project_id']}" if part["project_id"] else ""
    return f"{part['resource']}{project}: "
