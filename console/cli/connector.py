"""`tieback connector …`"""

from __future__ import annotations

from typing import Any

import click

from config.errors import ConfigError
from console.cli import adding, asking
from console.cli.family import Family
from console.cli.output import (
    for_how_long,
    json_option,
    listing,
    listing_options,
    pause_length,
    safe,
    say,
    show_json,
    shown,
)  # fmt: skip
from console.verbs import connected, parting, proving
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
@asking.fields
def add(name: str | None, **given: Any) -> int:
    """Add a connection in five steps; what is not given is asked for. Nothing is kept unless every check is green.

    The client secret comes from a file, from stdin (--client-secret-file -) or from a hidden question;
    never from the command line.
    """
    with at_hand(makes=True) as here:
        return adding.add(here, name, given)


@connector.command()
@name_argument
@asking.fields
@click.option("--if-version", type=click.IntRange(1), metavar="N", help="Only when it is still at this version (see show).")
def update(name: str, if_version: int | None, **given: Any) -> int:
    """Change a connection: other fields, a new client secret, another company or environment.

    It is validated first; nothing changes unless every check is green. What somebody else changed meanwhile is
    not overwritten. At another company or environment the hooks of the old place are taken away.
    """
    with at_hand() as here:
        return adding.update(here, name, given, if_version)


@connector.command("list")
@listing_options
def list_(limit: int, as_json: bool) -> None:
    """List connections."""
    with at_hand() as here:
        rows = connected.listed(here)[:limit]
    listing(rows, COLUMNS, as_json=as_json, empty="There is no connector yet. Add one: tieback connector add")


@connector.command()
@name_argument
@json_option
def show(name: str, as_json: bool) -> None:
    """Show one connection with its last verdict; never a secret."""
    with at_hand() as here:
        found = connected.shown(here, name)
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
        checks = proving.validate(here, name)
    if as_json:
        show_json([vars(check) for check in checks])
    else:
        adding.show_checks([vars(check) for check in checks])
    return 0 if green(checks) else 1


@connector.command()
@name_argument
@listing_options
def history(name: str, limit: int, as_json: bool) -> None:
    """List what was done to a connection, and each time its validation came to another end."""
    with at_hand() as here:
        rows = connected.history(here, name, limit)
    told = rows if as_json else [{**row, "how": _how(row)} for row in rows]
    columns = {"WHEN": "at", "WHAT": "kind", "BY": "by", "HOW": "how"}
    listing(told, columns, as_json=as_json, empty="Nothing was changed yet.")


def _how(row: dict[str, Any]) -> str:
    wrong = f"wrong: {', '.join(row['wrong'])}" if row["wrong"] else "all well" if row["ok"] else ""
    before = f"before: {', '.join(row['before'])}" if row["before"] else ""
    return "; ".join(part for part in (row["reason"] or "", ", ".join(row["changed"]), wrong, before) if part)


@connector.command()
@name_argument
def export(name: str) -> None:
    """Write a connection as a file for the site's connectors/ folder, with references where its secrets belong."""
    with at_hand() as here:
        click.echo(connected.exported(here, name).rstrip("\n"))


@connector.command()
@name_argument
@click.option("--yes", is_flag=True, help="Also when automations or unfinished work refer to it.")
def remove(name: str, yes: bool) -> None:
    """Remove a connection, after its hooks at Procore. Rows, runs and events stay.

    What refers to it is named first: then it takes --yes, or a yes at the terminal.
    """
    with at_hand() as here:
        referring = parting.references(here, name)
        if referring:
            click.echo(f"{name} is referred to by: {safe(referring.sentence())}", err=True)
        if referring and not yes and not asking.agreed(f"Remove {name} all the same?"):
            raise ConfigError(f'connector "{name}" is referred to by {referring.sentence()}. To remove it all the same: --yes')
        left = parting.remove(here, name)
    for sentence in left:
        say(f"{name}: {sentence}")
    say(f"{name}: removed")


@connector.command()
@name_argument
@click.option("--reason", required=True, help="Why, for those who find it paused.")
@pause_length
def pause(name: str, reason: str, for_s: float | None) -> None:
    """Pause a connection: what arrives is kept, nothing is called."""
    with at_hand() as here:
        connected.pause(here, name, reason, for_s)
    say(f"{name}: paused{for_how_long(for_s)}. To let it go on: tieback connector resume {name}")


@connector.command()
@name_argument
def resume(name: str) -> None:
    """Resume a paused connection; it is validated soon."""
    with at_hand() as here:
        connected.resume(here, name)
    say(f"{name}: active")
