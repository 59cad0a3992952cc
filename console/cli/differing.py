"""`tieback rules diff`"""

from __future__ import annotations

from dataclasses import asdict

import click

from console.cli.output import listing_options, say, show_json
from console.verbs import differing, versioning
from console.verbs.at_hand import at_hand


@click.command()
@click.argument("rule", required=False)
@click.option("--from", "before", metavar="VERSION", help="Compare stored versions of RULE: the first.")
@click.option("--to", "after", metavar="VERSION", default="in-force", show_default=True, help="The second.")
@listing_options
def diff(rule: str | None, before: str | None, after: str, limit: int, as_json: bool) -> None:
    """Show what `rules apply` would change: the files of the site against what is in force; or, with --from, two versions.

    First in words (triggers, conditions, steps, connectors), then as text.
    """
    if before is not None:
        _versions(rule, before, after, as_json)
        return
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


def _versions(rule: str | None, before: str, after: str, as_json: bool) -> None:
    if rule is None:
        raise click.UsageError("--from: say whose version, such as: tieback rules diff RULE --from 1a2b3c4d")
    with at_hand() as here:
        found = versioning.difference(here, rule, before, after)
    if as_json:
        show_json(found)
        return
    for line in (*found["changes"], *found["diff"]):
        say(line)
    if not found["diff"]:
        click.echo("They are the same.", err=True)
