"""`tieback rules diff`"""

from __future__ import annotations

from dataclasses import asdict

import click

from console.cli.output import listing_options, say, show_json
from console.verbs import differing
from console.verbs.at_hand import at_hand


@click.command()
@click.argument("rule", required=False)
@listing_options
def diff(rule: str | None, limit: int, as_json: bool) -> None:
    """Show what `rules apply` would change: the files of the site against what is in force.

    First in words (triggers, conditions, steps, connectors), then as text.
    """
    with at_hand() as here:
        found = differing.diff(here, rule)[:limit]
    if as_json:
        show_json([asdict(one) for one in found])
        return
    for one in found:
        say(f"{one.automation}  {one.state}  {one.file}")
        for change in one.changes:
            say(f"  {change}")
        if one.state == "changed" and not one.changes:
            say("  nothing but comments, order or spaces")
        for line in one.diff:
            say(f"    {line}")
    if not found:
        click.echo("The files are what is in force.", err=True)
