"""`tieback events replay`"""

from __future__ import annotations

from dataclasses import asdict

import click

from config.errors import ConfigError
from console.cli import asking
from console.cli.output import RowId, json_option, say, show_json
from console.verbs import replaying
from console.verbs.at_hand import AtHand, at_hand


@click.command()
@click.argument("ids", nargs=-1, type=RowId(), metavar="[EVENT]...")
@click.option("--rule", required=True, help="The automation that they are replayed against, as it is in force.")
@click.option("--since", metavar="LENGTH", help="Events of the last 2h, 3d, …")
@click.option("--state", type=click.Choice(replaying.STATES), help="Of the event, or of the automation's run for it.")
@click.option("--resource", help="Events of this resource.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="At most so many, oldest first.")
@click.option("--dry-run/--live", "dry", default=True, show_default=True, help="Say what would happen, or make new runs.")
@click.option("--repeat-effects", is_flag=True, help="Make effects again that were applied already. Asks first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def replay(
    ids: tuple[int, ...], rule: str, since: str | None, state: str | None, resource: str | None, limit: int, dry: bool,
    repeat_effects: bool, yes: bool, as_json: bool,
) -> None:  # fmt: skip
    """Let stored events come once more for one automation: dry first, then --live as new runs.

    They work with the copies of the record of then. An effect that was applied already is not made again.
    """
    if ids and (since or state or resource):
        raise ConfigError("give the ids of events, or --since, --state and --resource, not both.")
    with at_hand() as here:
        chosen, count = (list(ids), len(ids)) if ids else replaying.found(
            here, rule, since=since, state=state, resource=resource, limit=limit
        )  # fmt: skip
        if not as_json:
            more = f", the first {len(chosen)} are taken (--limit)" if count > len(chosen) else ""
            say(f"{count} event{'' if count == 1 else 's'} for {rule}{more}")
        if dry:
            _dry(here, rule, chosen, as_json)
        else:
            _live(here, rule, chosen, repeat_effects, yes, as_json)


def _dry(here: AtHand, rule: str, ids: list[int], as_json: bool) -> None:
    told = replaying.would(here, rule, ids)
    if as_json:
        show_json([asdict(one) for one in told])
        return
    for one in told:
        say(f"event {one.event_id}  {one.what}  {one.outcome}")
        for step in one.steps:
            say(f"  {step}")
        if one.applied:
            say(f"  {one.applied} effect{'' if one.applied == 1 else 's'} applied already, not made again")
    fires = sum(one.fires for one in told)
    say(f"{fires} of {len(told)} would fire. Nothing was done; with --live they become new runs.")


def _live(here: AtHand, rule: str, ids: list[int], repeat_effects: bool, yes: bool, as_json: bool) -> None:
    if not ids:
        return
    again = ", and make EFFECTS THAT WERE APPLIED ALREADY AGAIN" if repeat_effects else ""
    question = f"Make {len(ids)} new run{'' if len(ids) == 1 else 's'} of {rule}{again}?"
    if not yes and not asking.agreed(question):
        raise ConfigError("nothing was replayed. Somebody must agree at a terminal, or say --yes.")
    made = replaying.live(here, rule, ids, repeat_effects=repeat_effects)
    if as_json:
        show_json([{"event": event, "run": run} for event, run in made])
        return
    for event, run in made:
        say(f"event {event}: " + (f"run {run} is due" if run is not None else "no trigger of the automation hears it"))
