"""`tieback hooks …`"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from config.errors import TiebackError
from console.cli.family import Family
from console.cli.output import json_option, listing, listing_options, say
from console.verbs import hooking
from console.verbs.at_hand import AtHand, at_hand

COLUMNS = {
    "CONNECTOR": "connector", "SCOPE": "scope", "STATUS": "status", "TRIGGERS": "triggers", "LAST DELIVERY": "last_delivery_at",
    "REFUSED": "refused", "SECRETS": "secrets", "URL": "url",
}  # fmt: skip
CHANGES = {"CONNECTOR": "connector", "SCOPE": "scope", "CHANGE": "change", "REASON": "reason", "FOR": "for", "WHAT": "what"}

hooks = Family(name="hooks", help="Webhook subscriptions at Procore.")
connector_argument = click.argument("connector", required=False)


@hooks.command("list")
@connector_argument
@listing_options
def list_(connector: str | None, limit: int, as_json: bool) -> None:
    """List our hooks: where Procore sends what, whether it is active there, when something last came, how old the secrets are.

    A URL is a secret: it holds the hook's key. REFUSED counts deliveries that came with a secret that is not ours; a
    hook with such is written anew within 15 minutes.
    """
    with at_hand() as here:
        rows = hooking.listed(here, connector)[:limit]
    listing(rows, COLUMNS, as_json=as_json, empty="There is no hook yet. Make them: tieback hooks apply")


@hooks.command()
@connector_argument
@json_option
def plan(connector: str | None, as_json: bool) -> int:
    """Show what `hooks apply` would do at Procore, for one connector or all. Exit 1 when a scope could not be looked at."""

    def one(here: AtHand, name: str) -> _Answer:
        planned, rows = hooking.plan(here, name)
        return rows, list(planned.problems.values()), list(planned.warnings)

    return _each(connector, one, as_json)


@hooks.command()
@connector_argument
@json_option
def apply(connector: str | None, as_json: bool) -> int:
    """Make the hooks at Procore as the automations need them, for one connector or all. Repeating it does nothing."""

    def one(here: AtHand, name: str) -> _Answer:
        planned, done, rows = hooking.apply(here, name)
        return rows, [*planned.problems.values(), *(each.error for each in done if each.error)], list(planned.warnings)

    return _each(connector, one, as_json)


@hooks.command()
@click.argument("connector")
@click.option(
    "--now", "at_once", is_flag=True, help="End the old secret as soon as every hook has the new one, not after 24 hours."
)
def rotate(connector: str, at_once: bool) -> int:
    """Renew the secret that Procore sends with each delivery; no delivery is refused meanwhile.

    The new secret is accepted beside the old one, then written to every hook. The old one ends 24 hours after the last
    hook has the new one. When it stops in the middle, run it again: it goes on, and so does Tieback by itself.
    """
    with at_hand() as here:
        planned, done, whole = hooking.rotate(here, connector, at_once=at_once)
    troubles = [*planned.problems.values(), *(one.error for one in done if one.error)]
    for trouble in troubles:
        click.echo(f"tieback: {trouble}", err=True)
    written = sum(one.written for one in done)
    end = "has ended" if at_once else "ends in 24 hours"
    rest = f"The old one {end}." if whole else "Other hooks do not have it yet: the old one stays valid. Run this again."
    say(f"{connector}: the new secret was written to {written} hook{'' if written == 1 else 's'}. {rest}")
    return 0 if whole and not troubles else 1


@hooks.command()
@click.argument("connector")
def forget(connector: str) -> None:
    """Forget hooks that were left behind where the connector led before, once you have deleted them in Procore.

    A connector whose file is moved to another company leaves its hooks at the old one. `hooks list` shows them as left, and
    `hooks apply` deletes those that today's credentials still may.
    """
    with at_hand() as here:
        count = hooking.forget(here, connector)
    say(f"{connector}: {count} hook{'' if count == 1 else 's'} forgotten." if count else f"{connector}: no hook was left behind.")


_Answer = tuple[list[dict[str, Any]], list[str], list[str]]
"""Rows, troubles, warnings."""


def _each(connector: str | None, one: Callable[[AtHand, str], _Answer], as_json: bool) -> int:
    """One connector, or all; trouble with one of several does not stop the others."""
    rows: list[dict[str, Any]] = []
    troubles: list[str] = []
    warnings: list[str] = []
    with at_hand() as here:
        for name in hooking.names(here, connector):
            try:
                found = one(here, name)
            except TiebackError as error:
                if connector is not None:
                    raise
                troubles.append(str(error) if name in str(error) else f"{name}: {error}")
                continue
            rows += found[0]
            troubles += found[1]
            warnings += found[2]
    return _told(rows, troubles, warnings, as_json)


def _told(rows: list[dict[str, Any]], troubles: list[str], warnings: list[str], as_json: bool) -> int:
    """The changes, and what could not be looked at: then nobody knows that there is nothing to do."""
    if rows or as_json or not troubles:
        listing(rows, CHANGES, as_json=as_json, empty="Nothing to do: the hooks are as the automations need them.")
    for said in (*(f"warning: {warning}" for warning in warnings), *troubles):
        click.echo(f"tieback: {said}", err=True)
    return 1 if troubles else 0
