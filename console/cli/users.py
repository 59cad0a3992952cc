"""`tieback users …`"""

from __future__ import annotations

import click

from console.cli import asking
from console.cli.family import Family
from console.cli.output import listing, listing_options, say
from console.verbs import people, signing_in, signing_on
from console.verbs.at_hand import at_hand

COLUMNS = {
    "NAME": "name", "ROLE": "role", "COMPANIES": "companies", "SECOND FACTOR": "second_factor", "BY": "signs_in",
    "SIGNED IN": "signed_in_at",
}  # fmt: skip
password_option = click.option(
    "--password-file", metavar="PATH", help="File with the password, one line of 15 characters or more; - reads stdin."
)

users = Family(name="users", help="Who may use the console.")


@users.command()
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["viewer", "operator", "admin"]),
    default="viewer",
    show_default=True,
    help="viewer looks, operator retries, pauses and settles, admin does everything.",
)
@click.option(
    "--company", "companies", multiple=True, metavar="ID", help="Only this company; may be repeated. All when left out."
)
@password_option
def add(name: str, role: str, companies: tuple[str, ...], password_file: str | None) -> None:
    """Let somebody in. The password is read from a file, from stdin, or asked for."""
    password = asking.password(password_file)
    with at_hand(makes=True) as here:
        people.add(here, name, role, list(companies) or None, password.reveal())
    say(f"{name}: may sign in as {role}")


@users.command("list")
@listing_options
def list_(limit: int, as_json: bool) -> None:
    """List who may sign in; no companies means all of them."""
    with at_hand() as here:
        rows = people.listed(here)[:limit]
    listing(rows, COLUMNS, as_json=as_json, empty="Nobody may sign in yet. Add somebody: tieback users add NAME --role admin")


@users.command()
@click.argument("name")
@password_option
@click.option("--drop-second-factor", is_flag=True, help="Also switch the second factor off, for who has lost it.")
def password(name: str, password_file: str | None, drop_second_factor: bool) -> None:
    """Set somebody's password. Everywhere they are signed in ends."""
    wanted = asking.password(password_file)
    with at_hand() as here:
        people.set_password(here, name, wanted.reveal())
        if drop_second_factor:
            signing_in.drop_factor(here, name)
    say(f"{name}: the password is set" + (", the second factor is off" if drop_second_factor else ""))


@users.command()
@click.argument("name")
def remove(name: str) -> None:
    """Let somebody in no more. Their sessions end at once, what they did stays in the audit."""
    with at_hand() as here:
        people.remove(here, name)
    say(f"{name}: removed")


@users.command()
@click.argument("name")
def admit(name: str) -> None:
    """Let somebody who was removed sign in by the provider again; what they may comes from their groups."""
    with at_hand() as here:
        signing_on.admit(here, name)
    say(f"{name}: may sign in by the provider again")
