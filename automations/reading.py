"""From pydantic's complaints to problems with a line, a column and a mend."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from automations.durations import spell
from automations.synonyms import synonym
from config.problems import Mark, Problem, nearest, problem
from config.yamlfile import Node


@dataclass(frozen=True)
class Codes:
    """Which codes and words to use: a rule's own keys and an action's parameters differ in both.

    `home` tells of an unknown key in a mapping below which key it would be at home.
    """

    unknown: str = "TB104"
    missing: str = "TB105"
    wrong: str = "TB106"
    choice: str = "TB112"
    thing: str = "key"
    owner: str = ""
    home: Callable[[Node, str], str | None] = lambda _, __: None


def validated(
    model: type[BaseModel], node: Node, codes: Codes, skip: Callable[[Node], bool] = lambda _: False
) -> tuple[Any, list[Problem]]:
    """The model, or None and every problem. `skip` says of a node that its value is not known yet (a template)."""
    try:
        return model.model_validate(node.unmarked()), []
    except ValidationError as error:
        return None, reports(model, node, [e for e in error.errors(include_url=False) if not _skipped(node, e, skip)], codes)


def reports(model: type[BaseModel], node: Node, wrong: Sequence[Any], codes: Codes) -> list[Problem]:
    """Pydantic's errors as problems; one mistake is told once."""
    meant = _meant(model, node, wrong)
    told = {(*loc[:-1], right) for loc, right in meant.items()}
    found = [_problem(model, node, e, codes, meant) for e in wrong if e["type"] != "missing" or e["loc"] not in told]
    seen: dict[tuple[int, int, str], Problem] = {}
    chosen = {(one.line, one.column) for one in found if one.code == codes.choice}
    for one in found:
        if one.code == codes.choice or (one.line, one.column) not in chosen:
            seen.setdefault((one.line, one.column, one.code), one)
    return list(seen.values())


Loc = tuple[str | int, ...]


def _meant(model: type[BaseModel], node: Node, wrong: Sequence[Any]) -> dict[Loc, str]:
    """The unknown keys that stand for one that is missing beside them: one mistake, told once."""
    found: dict[Loc, str] = {}
    for error in wrong:
        if error["type"] != "extra_forbidden":
            continue
        loc = error["loc"]
        missing = [e["loc"][-1] for e in wrong if e["type"] == "missing" and e["loc"][:-1] == loc[:-1]]
        guess = synonym(str(loc[-1]), missing) or nearest(str(loc[-1]), [str(m) for m in missing])
        if guess is not None:
            found[loc] = guess
    return found


def _skipped(node: Node, error: Any, skip: Callable[[Node], bool]) -> bool:
    """A value that is not known yet cannot be judged; that its key is none can."""
    if error["loc"][-1:] == ("[key]",) or error.get("ctx", {}).get("sure"):
        return False
    loc = error["loc"][:-1] if error["type"] == "extra_forbidden" else error["loc"]
    return any(skip(node.at(loc[:length])) for length in range(1, len(loc) + 1) if _exists(node, loc[:length]))


def _exists(node: Node, loc: Sequence[str | int]) -> bool:
    return node.at(loc) is not node.at(loc[:-1])


def _problem(model: type[BaseModel], node: Node, error: Any, codes: Codes, meant: Mapping[Loc, str]) -> Problem:
    kind, loc = error["type"], place_of(node, error["loc"])
    if kind == "extra_forbidden":
        here = _model(model, loc[:-1])
        guess = meant.get(error["loc"])
        home = codes.home(node.at(loc[:-1]), str(loc[-1]))
        homes = [home] if home else _homes(here, str(loc[-1]))
        return unknown_key(node.key_mark(loc), str(loc[-1]), _keys(here), codes, guess, homes)
    if kind == "missing":
        return problem(node.at(loc[:-1]).mark, codes.missing, _missing(loc, codes), suggestion=f"{loc[-1]}:")
    seen = node.at(loc)
    if kind.startswith("TB"):
        return problem((node.at(loc) if kind in ("TB132", "TB135") else _spot(node, loc, error)).mark, kind, error["msg"])
    if kind == "literal_error":
        return _choice(seen, loc, error, codes)
    return problem(seen.mark, codes.wrong, f"{path_of(loc, codes)} {_expected(kind, error, seen)}")


def _spot(node: Node, loc: Sequence[str | int], error: Any) -> Node:
    """Where the word stands that the sentence begins with: a key, or an entry, of the value that was refused."""
    seen = node.at(loc)
    if error["loc"] and error["loc"][-1] == "[key]":
        return Node(None, node.key_mark(loc), {})
    word = re.match(r'"(.+?)"|([a-z_]+):', error["msg"])
    named = _within(seen, word[1] or word[2]) if word else []
    return named[0] if len(named) == 1 else seen


def _within(node: Node, word: str) -> list[Node]:
    if isinstance(node.value, dict) and word in node.keys:
        return [Node(None, node.keys[word], {})]
    if isinstance(node.value, dict):
        return [one for child in node.value.values() for one in _within(child, word)]
    if isinstance(node.value, list):
        return [one for child in node.value for one in _within(child, word)]
    return [node] if node.value == word else []


def place_of(node: Node, loc: Sequence[str | int]) -> tuple[str | int, ...]:
    """The part of pydantic's path that is the author's: union members and key marks stand in it too."""
    own: list[str | int] = []
    for index, part in enumerate(loc):
        here = node.at(own)
        last = index == len(loc) - 1
        known = (isinstance(here.value, dict) and part in here.value) or (isinstance(here.value, list) and isinstance(part, int))
        if known or (last and isinstance(here.value, dict) and part != "[key]"):
            own.append(part)
    return tuple(own)


def unknown_key(
    mark: Mark, key: str, known: Sequence[str], codes: Codes, guess: str | None = None, homes: Sequence[str] = ()
) -> Problem:
    """`guess` is what was meant, when that is known; `homes` are the keys of this place below which the key would be one."""
    owner = f" of {codes.owner}" if codes.owner else " here"
    guess = guess or (None if homes else _misspelt(key, known) or synonym(key, known) or nearest(key, known))
    if guess is None and homes:
        told = " or ".join(f"{home}:" for home in homes)
        return problem(
            mark, codes.unknown, f'"{key}" is no {codes.thing}{owner}; it belongs inside {told}', suggestion=f"{homes[0]}:"
        )
    mend = f'; did you mean "{guess}"?' if guess else f"; there are {', '.join(sorted(known))}" if known else ""
    return problem(mark, codes.unknown, f'"{key}" is no {codes.thing}{owner}{mend}', suggestion=guess)


def _misspelt(key: str, known: Sequence[str]) -> str | None:
    """A key of the place but for a letter at its end: `label` is labels, and no other word for title."""
    return next((one for one in known if one in (f"{key}s", f"{key}_") or f"{one}s" == key), None)


def _missing(loc: Sequence[str | int], codes: Codes) -> str:
    if codes.owner:
        return f'{codes.owner} needs "{loc[-1]}:"; add it'
    return f'"{loc[-1]}:" is missing{f" in {_dotted(loc[:-1])}" if loc[:-1] else ""}; add it'


def path_of(loc: Sequence[str | int], codes: Codes) -> str:
    return f'"{_dotted(loc)}"' + (f" of {codes.owner}" if codes.owner else "")


def _dotted(loc: Sequence[str | int]) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _choice(seen: Node, loc: Sequence[str | int], error: Any, codes: Codes) -> Problem:
    said = str(error["ctx"]["expected"])
    choices = [c.strip().strip("'") for c in said.replace(" or ", ", ").split(",")]
    guess = nearest(str(seen.value), choices)
    mend = (
        f'; did you mean "{guess}"?'
        if guess
        else f"; write {', '.join(choices[:-1])} or {choices[-1]}"
        if len(choices) > 1
        else f"; write {choices[0]}"
    )
    return problem(
        seen.mark, codes.choice, f"{path_of(loc, codes)} cannot be {spell(seen.value)}{mend}", suggestion=guess or choices[0]
    )


def _expected(kind: str, error: Any, seen: Node) -> str:
    wanted = {
        "string_type": "must be text; put quotes around it", "int_type": "must be a whole number",
        "bool_type": "must be true or false",
        "dict_type": "must be a mapping (key: value)", "model_type": "must be a mapping (key: value)",
        "list_type": "must be a list",
        "model_attributes_type": "must be a mapping (key: value)", "float_type": "must be a number",
        "too_short": "must not be empty",
    }.get(kind)  # fmt: skip
    if kind == "list_type":
        return f"must be a list; {_as_list(seen)}"
    if wanted is None:
        return f"cannot be {_shown(seen)}{_bound(kind, error)}"
    if seen.value is None:
        return "has no value; write one, or take the line out"
    return wanted if kind == "too_short" else f"{wanted}, not {_shown(seen)}"


def _bound(kind: str, error: Any) -> str:
    """What the value may be, where pydantic knows a limit."""
    said = _BOUNDS.get(kind)
    limit = next(iter(error.get("ctx", {}).values()), None)
    return f"; write {said.format(limit)}" if said and limit is not None else f": {error['msg'][:1].lower()}{error['msg'][1:]}"


_BOUNDS = {
    "greater_than_equal": "{} or more", "greater_than": "more than {}", "less_than_equal": "at most {}",
    "less_than": "less than {}", "string_too_short": "{} signs or more", "string_too_long": "at most {} signs",
    "too_long": "at most {} entries",
}  # fmt: skip


def _as_list(node: Node) -> str:
    """How the same is written as a list."""
    if isinstance(node.value, dict) and node.value:
        return f"put a dash before each entry: - {next(iter(node.value))}: …"
    if isinstance(node.value, (str, int)) and not isinstance(node.value, bool) and len(str(node.value)) <= 40:
        return f"write [{node.value}]"
    return "write its entries with a dash before each" if node.value is None else f"this is {_shown(node)}"


def _shown(node: Node) -> str:
    return spell(node.value)


def _model(model: type[BaseModel], loc: Sequence[str | int]) -> Any:
    """The model at a path, None where there is none."""
    here: Any = model
    for part in loc:
        if isinstance(part, int):
            continue
        fields = here.model_fields if _is_model(here) else {}
        field = next((f for n, f in fields.items() if (f.alias or n) == part), None)
        here = _inner(field.annotation) if field else None
    return here if _is_model(here) else None


def _keys(model: Any) -> list[str]:
    return [f.alias or n for n, f in model.model_fields.items()] if model else []


def _homes(model: Any, key: str) -> list[str]:
    """The keys of a mapping below which this one would be known: `cron` is at home in `schedule:`."""
    fields = model.model_fields.items() if model else ()
    return [f.alias or n for n, f in fields if key in _keys(_inner(f.annotation))]


def _is_model(thing: Any) -> bool:
    return isinstance(thing, type) and issubclass(thing, BaseModel)


def _inner(annotation: Any) -> Any:
    """The model inside `list[X]`, `X | None` or `Annotated[X, …]`."""
    if _is_model(annotation):
        return annotation
    if typing.get_origin(annotation) in (list, dict, typing.Annotated, typing.Union, types.UnionType):
        return next((m for a in typing.get_args(annotation) if (m := _inner(a)) is not None), None)
    return None
