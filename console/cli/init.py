"""`tieback init`"""

from __future__ import annotations

from pathlib import Path

import click

from automations import recipes
from console import init as making
from console.cli.output import json_option, say, show_json, wrapped


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR", required=False)
@click.option(
    "--recipe", "wanted", multiple=True, metavar="NAME", help="An automation to begin with, with what it needs; several times."
)
@click.option("--list", "listing", is_flag=True, help="Show the recipes: what each does and needs.")
@json_option
def init(folder: Path | None, wanted: tuple[str, ...], listing: bool, as_json: bool) -> None:
    """Make a new site folder with a sample connector, automations and settings. A folder that holds something is refused."""
    if listing:
        show_json(making.listed()) if as_json else _list()
        return
    if folder is None:
        raise click.UsageError("name the folder to make: tieback init mysite. The recipes: tieback init --list")
    written = making.make(folder, wanted or recipes.FIRST)
    for name in written:
        say(f"{folder / name}")
    if secrets := making.references(written):
        say(f"Write into {folder / 'tieback.env'} what the destinations refer to: {', '.join(secrets)}")
    say(f"Next: read {folder / 'README.md'}, and start with TIEBACK_SITE={folder}")


def _list() -> None:
    for one in making.listed():
        say(one["name"])
        say(wrapped(one["does"]))
        say(wrapped("needs: " + (", ".join(one["needs"]) or "nothing but a connector")))
        if one["goes_with"]:
            say(wrapped("comes with: " + ", ".join(one["goes_with"])))
