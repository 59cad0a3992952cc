"""`tieback events replay`"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from config.errors import ConfigError
from console.cli import asking, bulk
from console.cli.output import RowId, say, show_json
from console.verbs import choosing, replaying
from console.verbs.at_hand import AtHand, at_hand


@click.command()
@click.argument("ids", nargs=-1, type=RowId(), metavar="[EVENT]...")
@click.option("--rule", required=True, help="The automation that they are replayed against, as it is in force.")
@click.option("--since", metavar="LENGTH", help="Events of the last 2h, 3d, …")
@click.option("--state", type=click.Choice(replaying.STATES), help="Of the event, or of the automation's run for it.")
@click.option("--resource", help="Events of this resource.")
@click.option(
    "--where",
    "conditions",
    multiple=True,
    metavar="NAME=VALUE",
    help=f"Those that fit; may be given several times. Names: {', '.join(choosing.OF_EVENTS)}.",
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Look at so many when dry.")
@click.option("--dry-run/--live", "dry", default=True, show_default=True, help="Say what would happen, or make new runs.")
@click.option("--repeat-effects", is_flag=True, help="Make effects again that were applied already. Asks first.")
@bulk.options
def replay(
    ids: tuple[int, ...], rule: str, since: str | None, state: str | None, resource: str | None, conditions: tuple[str, ...],
    limit: int, dry: bool, repeat_effects: bool, **given: Any,
) -> int:  # fmt: skip
    """Let stored events come once more for one automation: dry first, then --live as new runs.

    They work with the copies of the record of then. An effect that was applied already is not made again. Live, one event is
    a run at once; several are an operation that a worker does: tieback operations.
    """
    where = {"since": since, "state": state, "resource": resource, **bulk.where(conditions)}
    what = {"rule": rule, "where": where, "ids": list(ids), "repeat_effects": repeat_effects}
    with at_hand() as here:
        if dry and not given["count_only"]:
            return _dry(here, rule, {**what, "everything": given["everything"]}, limit, given["as_json"])
        if len(ids) == 1 and not any(where.values()) and not given["count_only"]:
            return _one(here, rule, ids[0], repeat_effects, given["yes"], given["as_json"])
        if repeat_effects and not given["count_only"]:
            _agree(f"Make EFFECTS THAT WERE APPLIED ALREADY AGAIN for these events of {rule}?", given["yes"])
        return bulk.begin(here, "replay", what, given)


def _dry(here: AtHand, rule: str, what: dict[str, Any], limit: int, as_json: bool) -> int:
    ids, count = choosing.event_ids(here, what, limit)
    if not as_json:
        more = f", the first {len(ids)} are looked at (--limit)" if count > len(ids) else ""
        say(f"{count} event{'' if count == 1 else 's'} for {rule}{more}")
    told = replaying.would(here, rule, ids)
    if as_json:
        show_json([asdict(one) for one in told])
        return 0
    for one in told:
        say(f"event {one.event_id}  {one.what}  {one.outcome}")
        for step in one.steps:
            say(f"  {step}")
        if one.applied:
            say(f"  {one.applied} effect{'' if one.applied == 1 else 's'} applied already, not made again")
    fires = sum(one.fires for one in told)
    say(f"{fires} of {len(told)} would fire. Nothing was done; with --live they become new runs.")
    return 0


def _one(here: AtHand, rule: str, event: int, repeat_effects: bool, yes: bool, as_json: bool) -> int:
    again = ", and make EFFECTS THAT WERE APPLIED ALREADY AGAIN" if repeat_effects else ""
    _agree(f"Make a new run of {rule}{again}?", yes)
    run = replaying.live(here, rule, event, repeat_effects=repeat_effects)
    if as_json:
        show_json({"event": event, "run": run})
    else:
        say(f"event {event}: " + (f"run {run} is due" if run is not None else "no trigger of the automation hears it"))
    return 0


def _agree(question: str, yes: bool) -> None:
    if not yes and not asking.agreed(question):
        raise ConfigError("nothing was replayed. Somebody must agree at a terminal, or say --yes.")
