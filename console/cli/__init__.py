"""`tieback`: the operator's commands. Nothing is imported before the command that needs it.

stdout holds only the answer, logs and errors go to stderr. Exit 0 fine, 1 a failed check or run, 2 wrong usage.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from console.cli.ending import ended
from console.cli.family import Family

COMMANDS = {
    "up": ("running:up", "Run everything in one place: door, console, workers and relay."),
    "web": ("running:web", "Run the public door only."),
    "console": ("running:console", "Run the console only: pages and JSON API."),
    "worker": ("running:worker", "Run worker processes only."),
    "relay": ("running:relay", "Run the relay only: it loads the site, rings again and takes back lost work."),
    "simulator": ("running:simulator", "Run a pretend Procore."),
    "top": ("top:top", "A live view of the whole in the terminal."),
    "init": ("init:init", "Make a new site folder with samples."),
    "connector": ("connector:connector", "Connections to Procore companies."),
    "hooks": ("hooks:hooks", "Webhook subscriptions at Procore."),
    "deliveries": ("deliveries:deliveries", "What Procore sent."),
    "import": ("importing:import_", "Read whole resources from Procore into tables."),
    "imports": ("importing:imports", "What was read as a whole, and what is being read."),
    "events": ("events:events", "What the deliveries said, and what became of it."),
    "runs": ("runs:runs", "What automations did, step by step."),
    "operations": ("operations:operations", "Long work: bulk retries, cancels and replays, back-tests, imports."),
    "rules": ("rules:rules", "Check, test, explain and apply automations."),
    "destinations": ("destinations:destinations", "Where messages and data go."),
    "records": ("records:records", "Our copies of Procore's records."),
    "effects": ("effects:effects", "The ledger of changes in the outside world."),
    "queue": ("queue:queue", "Work that waits."),
    "workers": ("workers:workers", "The processes that do the work."),
    "failures": ("failures:failures", "What failed within a week, by cause."),
    "approvals": ("approvals:approvals", "Questions that runs put to people."),
    "alerts": ("alerts:alerts", "What is not as it should be."),
    "schedules": ("schedules:schedules", "When automations are due by the clock."),
    "quota": ("quota:quota", "What is left of Procore's rate limits."),
    "tokens": ("tokens:tokens", "Bearer tokens for other programs."),
    "users": ("users:users", "Who may use the console."),
    "audit": ("audit:audit", "Who changed what."),
    "doctor": ("doctor:doctor", "Look at everything; say what is wrong and how to mend it."),
    "demo": ("demo:demo", "Show the whole path with a pretend Procore."),
    "db": ("db:db", "The database."),
}  # fmt: skip


def _version(context: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from importlib.metadata import PackageNotFoundError, version

        try:
            click.echo(f"tieback {version('tieback')}")
        except PackageNotFoundError:
            click.echo("tieback, run from its folder without being installed")
        context.exit()


tieback = Family(
    name="tieback",
    help="Tieback ties Procore back to your own systems.",
    table=COMMANDS,
    params=[
        click.Option(["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
    ],
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code and never raises."""
    try:
        with tieback.make_context("tieback", list(sys.argv[1:] if argv is None else argv)) as context:
            code = tieback.invoke(context)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BrokenPipeError:
        # Whoever read our answer has seen enough; Python must not complain about it when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except BaseException as error:  # noqa: BLE001 (whatever it is, it ends as one sentence)
        return ended(error)
