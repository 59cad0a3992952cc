"""From pydantic's complaints to problems with a line, a column and a mend."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from automations.durations import spell
from config.problems import Mark, Problem, did_you_mean, nearest, problem
from config.yamlfile import Node


@dataclass(frozen=True)
class Codes:
    """Which codes and words to use: a rule's own keys and an action's parameters differ in both."""

    unknown: str = "TB104"
    missing: str = "TB105"
    wrong: str = "TB106"
    choice: str = "TB112"
    thing: str = "key"
    owner: str = ""


def validated(
    model: type[BaseModel], node: Node, codes: Codes, skip: Callable[[Node], bool] = lambda _: False
) -> tuple[Any, list[Problem]]:
    """The model, or None and every problem. `skip` says of a node that its value is not known yet (a template)."""
    try:
        return model.model_validate(node.unmarked()), []
    except ValidationError as error:
        found = [_problem(model, node, e, codes) for e in error.errors(include_url=False) if not _skipped(node, e["loc"], skip)]
    seen: dict[tuple[int, int, str], Problem] = {}
    for one in found:
        seen.setdefault((one.line, one.column, one.code), one)
    return None, list(seen.values())


def _skipped(node: Node, loc: Sequence[str | int], skip: Callable[[Node], bool]) -> bool:
    return any(skip(node.at(loc[:length])) for length in range(1, len(loc) + 1) if _exists(node, loc[:length]))


def _exists(node: Node, loc: Sequence[str | int]) -> bool:
    return node.at(loc) is not node.at(loc[:-1])


def _problem(model: type[BaseModel], node: Node, error: Any, codes: Codes) -> Problem:
    kind, loc = error["type"], _own(node, error["loc"])
    if kind == "extra_forbidden":
        return unknown_key(node.key_mark(loc), str(loc[-1]), _keys(model, loc[:-1]), codes)
    if kind == "missing":
        return problem(node.at(loc[:-1]).mark, codes.missing, _missing(loc, codes), suggestion=f"{loc[-1]}:")
    seen = node.at(loc)
    if kind.startswith("TB"):
        return problem(seen.mark, kind, error["msg"])
    if kind == "literal_error":
        return _choice(seen, loc, error, codes)
    return problem(seen.mark, codes.wrong, f"{_path(loc, codes)} {_expected(kind, error, seen)}")


def _own(node: Node, loc: Sequence[str | int]) -> tuple[str | int, ...]:
    """The part of pydantic's path that is the author's: union members and key marks stand in it too."""
    own: list[str | int] = []
    for index, part in enumerate(loc):
        here = node.at(own)
        last = index == len(loc) - 1
        known = (isinstance(here.value, dict) and part in here.value) or (isinstance(here.value, list) and isinstance(part, int))
        if known or (last and isinstance(here.value, dict) and part != "[key]"):
            own.append(part)
    return tuple(own)


def unknown_key(mark: Mark, key: str, known: Sequence[str], codes: Codes) -> Problem:
    owner = f" of {codes.owner}" if codes.owner else " here"
    mend = did_you_mean(key, known) or (f"; there are {', '.join(sorted(known))}" if known else "")
    return problem(mark, codes.unknown, f'"{key}" is no {codes.thing}{owner}{mend}', suggestion=nearest(key, known))


def _missing(loc: Sequence[str | int], codes: Codes) -> str:
    where = ".".join(str(p) for p in loc[:-1])
    if codes.owner:
        return f'{codes.owner} needs "{loc[-1]}:"; add it'
    return f'"{loc[-1]}:" is missing{f" in {where}" if where else ""}; add it'


def _path(loc: Sequence[str | int], codes: Codes) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return f'"{text}"' + (f" of {codes.owner}" if codes.owner else "")


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
        seen.mark, codes.choice, f"{_path(loc, codes)} cannot be {spell(seen.value)}{mend}", suggestion=guess or choices[0]
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
    if wanted is None:
        return f"cannot be {_shown(seen)}: {error['msg'][:1].lower()}{error['msg'][1:]}"
    return wanted if kind == "too_short" else f"{wanted}, not {_shown(seen)}"


def _shown(node: Node) -> str:
    if isinstance(node.value, dict):
        return "a mapping"
    if isinstance(node.value, list):
        return "a list"
    return "empty" if node.value is None else spell(node.value) if not isinstance(node.value, bool) else str(node.value).lower()


def _keys(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    here: Any = model
    for part in loc:
        if isinstance(part, int):
            continue
        fields = here.model_fields if _is_model(here) else {}
        field = next((f for n, f in fields.items() if (f.alias or n) == part), None)
        here = _inner(field.annotation) if field else None
    return [f.alias or n for n, f in here.model_fields.items()] if _is_model(here) else []


def _is_model(thing: Any) -> bool:
    return isinstance(thing, type) and issubclass(thing, BaseModel)


def _inner(annotation: Any) -> Any:
    """The model inside `list[X]`, `X | None` or `Annotated[X, …]`."""
    if _is_model(annotation):
        return annotation
    if typing.get_origin(annotation) in (list, dict, typing.Annotated, typing.Union, types.UnionType):
        return next((m for a in typing.get_args(annotation) if (m := _inner(a)) is not None), None)
    return None
