"""`tieback connector …`"""

from __future__ import annotations

from typing import Any

import click

from console.cli import adding
from console.cli.family import Family
from console.cli.output import json_option, listing, listing_options, say, show_json, shown
from console.verbs import connecting, hooking
from console.verbs.at_hand import at_hand
from console.verbs.connecting import green

COLUMNS = {
    "NAME": "name",
    "ENVIRONMENT": "environment",
    "COMPANY": "company_id",
    "STATE": "state",
    "VALID": "valid",
    "FROM": "source",
    "REASON": "reason",
}

connector = Family(name="connector", help="Connections to Procore companies.")
name_argument = click.argument("name")


@connector.command()
@click.option("--name", help="How rules and people call it, such as acme-prod.")
@adding.fields
def add(name: str | None, **given: Any) -> int:
    """Add a connection in five steps; what is not given is asked for. Nothing is kept unless every check is green.

    The client secret comes from a file, from stdin (--client-secret-file -) or from a hidden question;
    never from the command line.
    """
    with at_hand(makes=True) as here:
        return adding.add(here, name, given)


@connector.command()
@name_argument
@adding.fields
def update(name: str, **given: Any) -> int:
    """Change a connection. It is validated first; nothing changes unless every check is green."""
    with at_hand() as here:
        return adding.update(here, name, given)


@connector.command("list")
@listing_options
def list_(limit: int, as_json: bool) -> None:
    """List connections."""
    with at_hand() as here:
        rows = connecting.listed(here)[:limit]
    listing(rows, COLUMNS, as_json=as_json, empty="There is no connector yet. Add one: tieback connector add")


@connector.command()
@name_argument
@json_option
def show(name: str, as_json: bool) -> None:
    """Show one connection with its last verdict; never a secret."""
    with at_hand() as here:
        found = connecting.shown(here, name)
    if as_json:
        show_json(found)
        return
    for key, value in found.items():
        if key not in ("config", "verdict"):
            say(f"{key:14} {shown(value)}")
    for key, value in found["config"].items():
        say(f"  {key:16} {shown(value)}")
    adding.show_checks((found["verdict"] or {}).get("checks", []))


@connector.command()
@name_argument
@json_option
def validate(name: str, as_json: bool) -> int:
    """Check a connection field by field: ok, not yet, or wrong and the mend. Exit 1 when something is wrong."""
    with at_hand() as here:
        checks = hooking.validate(here, name)
    if as_json:
        show_json([vars(check) for check in checks])
    else:
        adding.show_checks([vars(check) for check in checks])
    return 0 if green(checks) else 1


@connector.command()
@name_argument
def remove(name: str) -> None:
    """Remove a connection and its hooks at Procore. Rows, runs and events stay."""
    with at_hand() as here:
        connecting.ours(here, name)
        trouble = hooking.remove_all(here, name)
        connecting.remove(here, name)
    if trouble:
        say(f"{name}: hooks are left at Procore, delete them there: {trouble}")
    say(f"{name}: removed")


@connector.command()
@name_argument
@click.option("--reason", help="Why, for those who find it paused.")
def pause(name: str, reason: str | None) -> None:
    """Pause a connection: what arrives is kept, nothing is called."""
    with at_hand() as here:
        connecting.set_state(here, name, "paused", reason)
    say(f"{name}: paused")


@connector.command()
@name_argument
def resume(name: str) -> None:
    """Resume a paused connection."""
    with at_hand() as here:
        connecting.set_state(here, name, "active", None)
    say(f"{name}: active")
