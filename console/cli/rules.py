"""`tieback rules …`"""

from __future__ import annotations

from pathlib import Path

import click

from config import settings
from console.cli import describing
from console.cli.family import Family
from console.cli.output import for_how_long, json_option, listing, listing_options, pause_length, say, show_json, shown
from console.verbs import ruling, switching
from console.verbs.at_hand import at_hand

COLUMNS = {
    "NAME": "name", "STATE": "state", "STAGE": "stage", "VERSION": "version", "SINCE": "since", "BY": "by",
    "LAST RUN": "last_run", "WAS": "last_state", "NEXT": "next", "FILE": "file", "TITLE": "title",
}  # fmt: skip
RESOURCES = {
    "NAME": "name", "SCOPE": "scope", "WEBHOOK": "webhook", "SINCE": "incremental", "DAYS": "by_day", "DELETED": "deletions",
    "BATCH": "batch", "FIELDS": "fields", "NOTE": "note",
}  # fmt: skip
ONE_RESOURCE = {
    "name": "name", "scope": "scope", "table": "table", "events": "webhook", "ended": "retired", "list": "list", "show": "show",
    "page": "page", "parent": "parent", "since": "incremental", "by day": "by_day", "deleted": "deletions", "by id": "batch",
    "seen live": "live", "note": "note",
}  # fmt: skip
FORMATS = ("text", "json", "github")

MORE = {
    "test": ("testing:test", "Run the tests that automations bring along."),
    "backtest": ("backtesting:backtest", "Run a rule as its file stands now over what is stored."),
    "diff": ("differing:diff", "Show what apply would change."),
    "versions": ("versions:versions", "List the versions of an automation."),
    "show": ("versions:show", "Show an automation, or run a version's tests."),
    "hold": ("versions:hold", "Keep the version in force, whatever the file says."),
    "follow": ("versions:follow", "Put in force what the file says."),
    "activate": ("versions:activate", "Put an earlier version in force, or one that waits."),
    "explain": ("explaining:explain", "Say why an automation did what it did with an event."),
}

rules = Family(name="rules", help="Check, test, explain and apply automations.", table=MORE)


@rules.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="github marks the lines of a pull request.",
)
def check(paths: tuple[Path, ...], form: str) -> int:
    """Say everything that is wrong in automations, connectors, destinations and alerts.yaml; without a path, in the site.

    Calls nobody and needs no secret. Exit 1 when there is an error.
    """
    from automations import checking as drawing  # with it comes CEL, which the other commands do not need
    from console.verbs import checking

    checked = checking.check(settings.load(), paths)
    text: str = getattr(drawing, f"as_{form}")(checked)
    if text:
        say(text)
    return 0 if checked.ok else 1


@rules.command("list")
@click.option("--tests", "with_tests", is_flag=True, help="Run the tests of the versions in force, and say how many hold.")
@listing_options
def list_(with_tests: bool, limit: int, as_json: bool) -> None:
    """List automations with the version in force, since when and by whom; a broken file's message is in --json."""
    with at_hand() as here:
        rows = ruling.listed(here)[:limit]
        rows = ruling.tested(rows, here) if with_tests else rows
    columns = {**COLUMNS, "TESTS": "tests"} if with_tests else COLUMNS
    listing(
        rows, columns, as_json=as_json, empty="There is no automation yet. Put one into automations/, then: tieback rules apply"
    )


@rules.command()
def apply() -> int:
    """Put the site in force now instead of within five seconds. Exit 1 when a file does not load; its last good version stays."""
    with at_hand(makes=True) as here:
        done = ruling.applied(here)
        rows = ruling.listed(here)
    for line in (*done.messages, *done.changes):
        say(line)
    good, broken = sum(row["state"] != "broken" for row in rows), len(done.messages)
    say(f"{good} in force, {broken} file{'' if broken == 1 else 's'} broken")
    return 1 if broken else 0


@rules.command()
@click.argument("what", type=click.Choice(["triggers", "actions", "resources"]), required=False)
@click.argument("name", required=False)
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="At most so many.")
@json_option
def schema(what: str | None, name: str | None, limit: int, as_json: bool) -> None:
    """Show what rules are made of: triggers, actions, Procore's resources; or one of them with its example and JSON Schema.

    With --json alone: the JSON Schema of a whole automation file, for editors.
    """
    if what == "resources":
        _resources(name, limit, as_json)
    else:
        describing.show(what, name, limit, as_json)


def _resources(name: str | None, limit: int, as_json: bool) -> None:
    if name is None:
        listing(ruling.resources()[:limit], RESOURCES, as_json=as_json, empty="")
        return
    found = ruling.resource(name)
    if as_json:
        show_json(found)
        return
    fields = found.pop("fields")
    for label, key in ONE_RESOURCE.items():
        say(f"{label:11} {shown(None if found[key] in ([], {}) else found[key])}")
    say("fields: open, not known to Tieback" if fields is None else "fields (? may be null):")
    for path, kind in (fields or {}).items():
        say(f"  {path:40} {kind}")


@rules.command()
@click.argument("name")
@click.option("--reason", required=True, help="Why, for those who find it paused.")
@pause_length
def pause(name: str, reason: str, for_s: float | None) -> None:
    """Pause an automation: it hears no event until it is resumed; runs that have begun go on."""
    with at_hand() as here:
        switching.pause_automation(here, name, reason, for_s)
    say(f"{name} is paused{for_how_long(for_s)}. To let it go on: tieback rules resume {name}")


@rules.command()
@click.argument("name")
def resume(name: str) -> None:
    """Resume an automation that a person paused, or Tieback itself to end a loop. What it missed is replayed by hand."""
    with at_hand() as here:
        switching.resume_automation(here, name)
    say(f"{name} hears events again.")
