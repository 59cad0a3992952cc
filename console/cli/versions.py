"""`tieback rules versions|show|hold|follow|activate`"""

from __future__ import annotations

import click

from console.cli.output import json_option, listing, listing_options, say, show_json, shown
from console.verbs import ruling, versioning
from console.verbs.at_hand import at_hand

COLUMNS = {"VERSION": "version", "STATE": "state", "FILE": "file", "SINCE": "created_at"}
name_argument = click.argument("name")
VERSION = "A version: the beginning of its hash, in-force, or offered (what the file says while another one is held)."


@click.command()
@name_argument
@listing_options
def versions(name: str, limit: int, as_json: bool) -> None:
    """List every version that an automation had, the newest first."""
    with at_hand() as here:
        rows = versioning.listed(here, name)[:limit]
    told = [{**row, "state": "in force" if row["in_force"] else "waits" if row["offered"] else ""} for row in rows]
    listing(told, COLUMNS, as_json=as_json, empty="")


@click.command()
@name_argument
@click.option("--version", default=versioning.IN_FORCE, show_default=True, help=VERSION)
@click.option("--tests", is_flag=True, help="Run the tests of this version instead; exit 1 when one fails.")
@json_option
def show(name: str, version: str, tests: bool, as_json: bool) -> int:
    """Show an automation: what it expects and costs, who holds a version of it, and its text."""
    with at_hand() as here:
        if tests:
            return _tests(versioning.tested(here, name, version), as_json)
        found = {**ruling.shown(here, name), **versioning.about(here, name), **versioning.shown(here, name, version)}
    if as_json:
        show_json(found)
        return 0
    cost, expect, held = found["cost"], found["expect"], found["held"]
    say(f"{name}  {found['version'][:8]}  {found['state']}, stage {found['stage']}  {found['file']}")
    if held:
        waits = f"; {found['offered'][:8]} waits" if found["offered"] else ""
        say(f"  held by {held['by']} since {held['at'][:16]}: {held['reason']}{waits}")
    if expect:
        promised = ", ".join(f"{key} {value}" for key, value in expect["promised"].items())
        say(f"  expects {promised}; last ok {shown(expect['last_ok'])}; {'; '.join(expect['amiss']) or 'as expected'}")
    if cost["runs"]:
        own, reads = (f"{cost[key] / cost['runs']:.1f}" for key in ("own", "reads"))
        say(f"  costs {own} calls a run, and {reads} reads shared with others")
    say()
    say(found["source"].rstrip())
    return 0


def _tests(verdicts: list[dict[str, object]], as_json: bool) -> int:
    if as_json:
        show_json(verdicts)
    else:
        for one in verdicts:
            say(f"{'ok  ' if one['ok'] else 'FAIL'}  {one['test']}: {one['why']}")
        say(f"{len(verdicts)} tests, {sum(not one['ok'] for one in verdicts)} failed")
    return 0 if all(one["ok"] for one in verdicts) else 1


@click.command()
@name_argument
@click.option("--reason", required=True, help="Why, for those who wonder that a changed file does nothing.")
def hold(name: str, reason: str) -> None:
    """Keep the version in force: what the file says from now on waits until somebody puts it in force."""
    with at_hand() as here:
        version = versioning.hold(here, name, reason)
    say(f"{name}: {version[:8]} is held. To follow the file again: tieback rules follow {name}")


@click.command()
@name_argument
def follow(name: str) -> None:
    """Put in force what the file says, now and from now on."""
    with at_hand() as here:
        version = versioning.follow(here, name)
    say(f"{name}: {version[:8]} is in force, as its file says.")


@click.command(help=f"Put a version in force now, such as the one before a bad change.\n\n{VERSION} What the file says waits.")
@name_argument
@click.argument("version")
@click.option("--reason", required=True, help="Why, for those who look later.")
@click.option("--follow", "follows", is_flag=True, help="It is what the file says, and the file is followed from now on.")
def activate(name: str, version: str, reason: str, follows: bool) -> None:
    with at_hand() as here:
        done = versioning.activate(here, name, version, reason, follow=follows)
    rest = "" if follows else f" What its file says waits; to follow it again: tieback rules follow {name}"
    say(f"{name}: {done[:8]} is in force.{rest}")
