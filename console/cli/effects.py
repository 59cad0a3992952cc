"""`tieback effects …`"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from config.errors import ConfigError
from console.cli.family import Family
from console.cli.output import RowId, listing, listing_options, say
from console.verbs import fitting, settling, showing
from console.verbs.at_hand import at_hand

COLUMNS = {
    "ID": "id",
    "STATE": "state",
    "RUN": "run_id",
    "STEP": "step",
    "POLICY": "policy",
    "CREATED": "created_at",
    "WHAT": "summary",
}

effects = Family(name="effects", help="The ledger of changes in the outside world.")


@effects.command("list")
@click.option("--state", type=click.Choice(fitting.EFFECTS["state"]), help="Only effects in this state.")
@listing_options
def list_(state: str | None, limit: int, as_json: bool) -> None:
    """List effects, newest first. `intent` and `uncertain` ones may or may not have arrived."""
    with at_hand() as here:
        rows = showing.effects(here, limit=limit, state=state)
    listing(rows, COLUMNS, as_json=as_json, empty="There is no such effect.")


@effects.command()
@click.argument("id", type=RowId())
@click.argument("outcome", type=click.Choice([one.replace(" ", "-") for one in settling.OUTCOMES]))
@click.option("--note", default="", help="What you saw, for those who look later.")
@click.option("--answer", metavar="FILE", help="JSON with what the far end answered, for later steps; - reads stdin.")
def settle(id: int, outcome: str, note: str, answer: str | None) -> None:
    """Say what became of an effect that is in doubt, after a look at the far end.

    applied: it happened; the run goes on behind it. not-applied: it did not; the run makes it again. give-up: it is not
    made again, and the run ends as cancelled.
    """
    given = None if answer is None else _json(answer)
    with at_hand() as here:
        became = settling.settle(here, id, outcome.replace("-", " "), note, given)
    say(f"effect {id}: {became}")


def _json(path: str) -> Any:
    try:
        return json.loads(sys.stdin.read() if path == "-" else Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read as JSON ({error}). Check --answer.") from None
