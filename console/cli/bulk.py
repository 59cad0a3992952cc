"""What `runs retry`, `runs cancel` and `events replay` share when they are about many: how carefully, and the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import click

from config.errors import ConfigError
from console.cli import asking
from console.cli import operations as shown_operations
from console.cli.output import Length, json_option, say, show_json
from console.verbs import operating
from console.verbs.at_hand import AtHand
from console.verbs.operating import Pace

F = TypeVar("F", bound=Callable[..., Any])


_OPTIONS = (
    click.option("--all", "everything", is_flag=True, help="Really all of them, where no other choice is made."),
    click.option("--rate", type=float, metavar="N", help="At most so many in a second; as fast as it goes without."),
    click.option("--canary", type=int, default=0, metavar="N", help="So many first; the rest only when those end well."),
    click.option("--undo-window", "window_s", type=Length(), default=0.0, metavar="LENGTH",
                 help="Begin after so long, such as 30s; until then it can be withdrawn."),
    click.option("--reason", default="", help="Why, for those who look later."),
    click.option("--count", "count_only", is_flag=True, help="Only say how many it would be."),
    click.option("--wait", is_flag=True, help="Wait until it has ended or rests; exit 1 unless it is done."),
    click.option("--yes", is_flag=True, help="Do not ask."),
    json_option,
)  # fmt: skip


def options(command: F) -> F:
    """What `begin` takes as `given`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def where(pairs: Iterable[str]) -> dict[str, str]:
    """`NAME=VALUE` pairs. Raises: ConfigError for one that is none."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not value:
            raise ConfigError(f'"{pair[:60]}" is no condition. Write NAME=VALUE, such as --where automation=rfi_overdue.')
        found[name.strip()] = value
    return found


def begin(here: AtHand, kind: str, what: Mapping[str, Any], given: Mapping[str, Any]) -> int:
    """Count, ask, begin, and tell; the exit code."""
    what = {**what, "everything": given["everything"]}
    total = operating.preview(here, kind, what)["total"] or 0
    many = f"{total} {'event' if kind == 'replay' else 'run'}{'' if total == 1 else 's'}"
    if given["count_only"]:
        show_json({"count": total}) if given["as_json"] else say(many)
        return 0
    if total and not (given["yes"] or asking.agreed(f"{kind.capitalize()} {many}?")):
        raise ConfigError(f"nothing was begun: it would be {many}. Somebody must agree at a terminal, or say --yes.")
    pace = Pace(given["rate"], given["canary"], given["window_s"])
    id = operating.start(here, kind, what, pace=pace, why=given["reason"])
    found = shown_operations.followed(here, id) if given["wait"] else operating.shown(here, id)
    if given["as_json"]:
        show_json(found)
    elif given["wait"]:
        shown_operations.tell(found)
    else:
        say(f"operation {id}: {kind} of {many}. Look: tieback operations show {id}")
    return 1 if given["wait"] and found["state"] != "done" else 0
