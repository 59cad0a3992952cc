"""`tieback hooks …`"""

from __future__ import annotations

from typing import Any

import click

from config.errors import TiebackError
from console.cli.family import Family
from console.cli.output import json_option, listing, listing_options
from console.verbs import hooking, showing
from console.verbs.at_hand import at_hand

COLUMNS = {"CONNECTOR": "connector", "SCOPE": "scope", "STATUS": "status", "PROCORE ID": "procore_id", "URL": "url"}
CHANGES = {"CONNECTOR": "connector", "SCOPE": "scope", "CHANGE": "change", "REASON": "reason", "WHAT": "what"}

hooks = Family(name="hooks", help="Webhook subscriptions at Procore.")
connector_argument = click.argument("connector", required=False)


@hooks.command("list")
@connector_argument
@listing_options
def list_(connector: str | None, limit: int, as_json: bool) -> None:
    """List our hooks: where Procore sends what, and whether it is active there. A URL is a secret: it holds the hook's key."""
    with at_hand() as here:
        rows = showing.hook_list(here, connector)[:limit]
    listing(rows, COLUMNS, as_json=as_json, empty="There is no hook yet. Make them: tieback hooks apply")


@hooks.command()
@connector_argument
@json_option
def plan(connector: str | None, as_json: bool) -> int:
    """Show what `hooks apply` would do at Procore, for one connector or all. Exit 1 when a scope could not be looked at."""
    rows: list[dict[str, Any]] = []
    troubles: list[str] = []
    with at_hand() as here:
        for name in hooking.names(here, connector):
            try:
                planned = hooking.plan(here, name)
            except TiebackError as error:
                if connector is not None:
                    raise
                troubles.append(_said(name, error))
                continue
            rows += hooking.shown(planned.changes, name)
            troubles += list(planned.problems.values())
    return _told(rows, troubles, as_json)


@hooks.command()
@connector_argument
@json_option
def apply(connector: str | None, as_json: bool) -> int:
    """Make the hooks at Procore as the automations need them, for one connector or all. Repeating it does nothing."""
    rows: list[dict[str, Any]] = []
    troubles: list[str] = []
    with at_hand() as here:
        for name in hooking.names(here, connector):
            try:
                planned, done = hooking.apply(here, name)
            except TiebackError as error:
                if connector is not None:
                    raise
                troubles.append(_said(name, error))
                continue
            rows += hooking.shown(planned.changes, name)
            troubles += [*planned.problems.values(), *(one.error for one in done if one.error)]
    return _told(rows, troubles, as_json)


def _said(name: str, error: TiebackError) -> str:
    return str(error) if name in str(error) else f"{name}: {error}"


def _told(rows: list[dict[str, Any]], troubles: list[str], as_json: bool) -> int:
    """The changes, and what could not be looked at: then nobody knows that there is nothing to do."""
    if rows or as_json or not troubles:
        listing(rows, CHANGES, as_json=as_json, empty="Nothing to do: the hooks are as the automations need them.")
    for trouble in troubles:
        click.echo(f"tieback: {trouble}", err=True)
    return 1 if troubles else 0
