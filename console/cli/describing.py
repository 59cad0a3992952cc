"""`tieback rules schema`: actions and triggers as the code describes them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from config.errors import ConfigError
from config.problems import did_you_mean
from console.cli.output import listing, say, show_json

if TYPE_CHECKING:
    from automations.reference import Described

COLUMNS = {"NAME": "name", "PARAMETERS": "parameters", "WHAT IT DOES": "help"}
_OVERVIEW = """\
tieback rules schema triggers [NAME]     what a rule can listen to
tieback rules schema actions [NAME]      the words behind use:
tieback rules schema resources [NAME]    what Procore has, with the fields of its records
tieback rules schema --json              one JSON Schema for a whole automation file, for editors"""


def show(what: str | None, name: str | None, limit: int, as_json: bool) -> None:
    from automations import editor_schema, reference  # with them come the actions and CEL

    if what is None:
        show_json(editor_schema.schema()) if as_json else say(_OVERVIEW)
        return
    known = {one.word: one for one in (reference.actions() if what == "actions" else reference.triggers())}
    if name is None:
        listing([_row(one) for one in known.values()][:limit], COLUMNS, as_json=as_json, empty="")
    elif name not in known:
        guess = did_you_mean(name, known) or "."
        raise ConfigError(f'there is no {what.removesuffix("s")} "{name}"{guess} List them: tieback rules schema {what}')
    elif as_json:
        show_json(asdict(known[name]))
    else:
        _whole(known[name])


def _row(one: Described) -> dict[str, object]:
    return {"name": one.word, "parameters": [p.name for p in one.parameters], "help": one.help.split("\n\n")[0]}


def _whole(one: Described) -> None:
    from automations import action_page

    say(f"{one.word}\n\n{one.help}\n\n{one.example}")
    for given in one.parameters:
        about = [given.kind, "required" if given.required else "", f"default {given.default}" if given.default else ""]
        about += ["written out" if given.fixed else "", given.meaning]
        say(f"  {given.name:18} {'; '.join(part for part in about if part)}")
    if one.policy:
        say(f"\noutput  {action_page.output(one)}\neffect  {action_page.effect(one)}\nerrors  {action_page.errors(one)}")
    say(f"\nJSON Schema:\n{json.dumps(one.schema, indent=2, ensure_ascii=False)}")
