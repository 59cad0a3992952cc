"""docs/rules/actions.md, made from the actions: `python -m automations.action_page` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from automations.reference import Described, Parameter, actions

PAGE = Path(__file__).parent.parent / "docs" / "rules" / "actions.md"
POLICIES = {
    "none": "none: it only reads, or only computes",
    "row": "row: written in the transaction that finishes the step",
    "idempotent": "idempotent: after doubt the call is repeated",
    "natural_key": "natural key: after doubt the call is repeated with the same key",
    "verify_then_retry": "verify: after doubt the effect is looked up first",
    "at_most_once": "at most once: after doubt the run is parked and a person decides",
    "by_method": "by its parameters",
}

_HEAD = """\
# Actions

Every word that may stand behind `use:`. Made by `python -m automations.action_page` from `automations/actions/`, one file
each; change the docstrings and `Params` there instead of this page. `tieback rules schema actions NAME` prints the same.

## How to read this page

*Parameters* stand in `with:`. **Bold** ones are required. "Written out" means that it cannot be `${…}`, because it decides
which table, file or resource is touched. Every other value may be a template; a value that is one whole `${…}` keeps its type.
*Output* is what later steps see as `steps.<id>.output`. "Anything" is untyped: before you compare it with a number write
`int(…)` or `double(…)`. Dates and times in outputs are ISO 8601 text, because an output must survive a restart:
`timestamp(steps.x.output.at)` calculates with one.

*Effect* says what happens when a call may or may not have arrived (a crash, a cut line):

| policy | meaning | after doubt |
|---|---|---|
| none | reads or computes only | done again |
| row | a row of your database, written in the transaction that finishes the step | cannot be in doubt |
| idempotent | the same call twice leaves the same state | call again |
| natural key | the far end recognises the second call by a key that we send | call again with the same key |
| verify | no key at the far end, but the effect can be looked up | look first; adopt what is found |
| at most once | neither | the run is parked and a person decides (`tieback effects settle`) |

An effect is known by automation, step, item, target and event; or by target and value when `once:` or `idempotency_key:` is
given. Saving the rule again or moving a step therefore re-sends nothing; renaming the automation or the step does.
In `stage: shadow` every action with an effect says what it *would* do (`output.would`) and does nothing.

*Errors* names the codes of `tieback rules check` beyond those that any parameter can have ([TB131, TB132, TB133](errors.md)),
and the kinds of errors that the action itself raises while it runs, as `error.kind` and `retry: only:` know them.
"""


def text() -> str:
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD
    found = actions()
    for family, members in groupby(found, lambda one: one.word.partition(".")[0]):
        yield f"- {family}: " + ", ".join(f"[`{one.word}`](#{one.word.replace('.', '')})" for one in members)
    for one in found:
        yield f"\n## {one.word}\n"
        yield from section(one)


def section(one: Described) -> Iterator[str]:
    """One action in Markdown, without its heading."""
    yield one.help
    yield f"\n```yaml\n{one.example}```"
    if one.parameters:
        yield "\n| parameter | kind | default | meaning |\n|---|---|---|---|"
        yield from map(_row, one.parameters)
    yield ""
    yield f"*Output*: {output(one)}.  "
    yield f"*Effect*: {effect(one)}.  "
    yield f"*Errors*: {errors(one)}."


def _row(one: Parameter) -> str:
    name = f"**{one.name}**" if one.required else one.name
    kind = one.kind.replace("|", "\\|") + (", written out" if one.fixed else "")
    return f"| {name} | {kind} | {f'`{one.default}`' if one.default else ''} | {one.meaning.replace('|', chr(92) + '|')} |"


def output(one: Described) -> str:
    if isinstance(one.output, str):
        return one.output.rstrip(".") or "nothing"
    return "; ".join(f"`{name}` {kind}" for name, kind in one.output.items()) or "nothing"


def effect(one: Described) -> str:
    told = POLICIES.get(one.policy, one.policy)
    return f"{told}: {' '.join(one.effect.split()).rstrip('.')}" if one.effect and one.policy == "by_method" else told


def errors(one: Described) -> str:
    codes = ", ".join(code for code in one.codes if code != "TB133")
    kinds = ", ".join(f"`{kind}`" for kind in one.kinds)
    return "; ".join(part for part in (codes, kinds) if part) or "none of its own"


if __name__ == "__main__":
    PAGE.write_text(text(), "utf-8")
