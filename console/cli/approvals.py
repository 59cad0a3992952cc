"""`tieback approvals …`"""

from __future__ import annotations

import click

from console.cli.family import Family
from console.cli.output import RowId, listing, listing_options, say
from console.verbs import approving, fitting
from console.verbs.at_hand import at_hand

COLUMNS = {
    "ID": "id", "STATE": "state", "RUN": "run_id", "AUTOMATION": "automation", "CHOICES": "choices", "ASKED": "created_at",
    "QUESTION": "question",
}  # fmt: skip

approvals = Family(name="approvals", help="Questions that runs put to people.")
note_option = click.option("--note", default="", help="Why, for those who look later.")


@approvals.command("list")
@click.option("--state", type=click.Choice(fitting.APPROVALS["state"]), help="Only questions in this state.")
@listing_options
def list_(state: str | None, limit: int, as_json: bool) -> None:
    """List questions, newest first."""
    with at_hand() as here:
        rows = approving.listed(here, limit, None, state)
    listing(rows, COLUMNS, as_json=as_json, empty="No run asks anything.")


@approvals.command()
@click.argument("id", type=RowId())
@click.option("--choice", help="Another choice than the first one.")
@note_option
def approve(id: int, choice: str | None, note: str) -> None:
    """Answer with the first choice, or the one you name; the run goes on."""
    with at_hand() as here:
        chosen = approving.answer(here, id, choice, note)
    say(f"question {id}: {chosen}")


@approvals.command()
@click.argument("id", type=RowId())
@note_option
def reject(id: int, note: str) -> None:
    """Answer with the choice `reject`; one that has other choices is answered by approve --choice."""
    with at_hand() as here:
        approving.answer(here, id, "reject", note)
    say(f"question {id}: reject")
