"""`tieback tokens …`"""

from __future__ import annotations

import click

from console.cli.family import Family
from console.cli.output import json_option, listing, listing_options, say, show_json
from console.verbs import tokens as verbs
from console.verbs.at_hand import at_hand

COLUMNS = {"NAME": "name", "SCOPES": "scopes", "CREATED": "created_at", "REVOKED": "revoked_at", "USED": "used_at"}

tokens = Family(name="tokens", help="Bearer tokens for other programs.")


@tokens.command()
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, default=["config-events"], show_default=True, help="What it may do; may be repeated."
)
@json_option
def add(name: str, scopes: tuple[str, ...], as_json: bool) -> None:
    """Make a token. It is shown this once; only its digest is kept."""
    with at_hand(makes=True) as here:
        token = verbs.add(here, name, list(scopes))
    if as_json:
        show_json({"name": name, "scopes": list(scopes), "token": token})
    else:
        say(token)


@tokens.command("list")
@listing_options
def list_(limit: int, as_json: bool) -> None:
    """List tokens; never the tokens themselves."""
    with at_hand() as here:
        rows = verbs.listed(here)[:limit]
    listing(rows, COLUMNS, as_json=as_json, empty="There is no token yet.")


@tokens.command()
@click.argument("name")
def revoke(name: str) -> None:
    """End a token at once."""
    with at_hand() as here:
        verbs.revoke(here, name)
    say(f"{name}: revoked")
