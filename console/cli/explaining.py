"""`tieback rules explain`"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click

from automations.values import shown
from console.cli.output import RowId, json_option, say, show_json
from console.verbs import explaining
from console.verbs.at_hand import at_hand


@click.command()
@click.argument("rule")
@click.argument("event", type=RowId())
@click.option("--version", metavar="HASH", help="Ask this version of the automation instead, by the beginning of its hash.")
@json_option
def explain(rule: str, event: int, version: str | None, as_json: bool) -> None:
    """Say why an automation ran for an event, did not, waits or was held; for any stored event and any automation.

    Where there was no run the automation is asked now, with the copies of the record that are nearest to the event.
    """
    with at_hand() as here:
        found = explaining.explain(here, rule, event, version)
    if as_json:
        show_json({**asdict(found), "facts": [{"name": name, "text": text} for name, text in found.facts]})
        return
    say(f"{rule} and event {event}: {found.headline}")
    for name, text in found.facts:
        say(f"  {name:10} {text}")
    for line in found.lines:
        _line(line)
    for step in found.steps:
        why = step["why"] or (step["error"] or {}).get("message") or ""
        say(f"  step {step['path']}: {step['state']}{f' ({why})' if why else ''}")
    if found.version:
        say(f"  version    {found.version[:8]}")


def _line(line: Mapping[str, Any]) -> None:
    held = "error" if line["held"] is None else str(line["held"]).lower()
    seen = ", ".join(f"{path} = {shown(value)}" for path, value in (line["seen"] or {}).items())
    say(f"  if[{line['index']}] {held}: {' '.join(str(line['text']).split())}" + (f"   saw {seen}" if seen else ""))
