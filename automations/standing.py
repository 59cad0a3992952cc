"""Templates in parameters, before there is anything to fill them with: is what they give of the right kind, and do the
parameters beside them go together? A value of their kind stands in for them while the parameters are looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from automations.fields import SPOKEN
from automations.reading import Codes, path_of, place_of, reports
from automations.templates import Path, Text, Whole
from config.problems import Problem, problem
from config.yamlfile import Node

_KINDS = {
    "STRING": "text", "INT": "int", "DOUBLE": "float", "BOOL": "bool", "TIMESTAMP": "timestamp", "LIST": "list", "MAP": "map",
}  # fmt: skip
_SAMPLES: Mapping[str, Any] = {
    "int": 1, "float": 1.5, "bool": True, "timestamp": datetime(2026, 1, 1, tzinfo=UTC), "list": [], "map": {},
}  # fmt: skip
_WANTED = {
    "list_type": "list", "dict_type": "map", "model_type": "map", "int_type": "int", "float_type": "float", "bool_type": "bool",
    "string_type": "text",
}  # fmt: skip


def misfits(model: type[BaseModel], node: Node, values: Any, codes: Codes) -> list[Problem]:
    """A template whose kind the parameter can never take; else what is wrong with the parameters as a whole."""
    known = {loc: kind for loc, value in _whole(values, ()) if (kind := _kind(value)) is not None}
    wrong = _errors(model, _with(node, {loc: _SAMPLES[kind] for loc, kind in known.items() if kind in _SAMPLES}))
    found = [_misfit(node, loc, known[loc], of, codes) for loc, of in wrong.items() if loc in known and _of_kind(of)]
    return found or _together(model, node, values, codes)


def _misfit(node: Node, loc: Sequence[str | int], kind: str, of: Sequence[str], codes: Codes) -> Problem:
    wanted = SPOKEN[next(_WANTED[one] for one in of)]
    message = f"{path_of(loc, codes)} must be {wanted}, and this gives {SPOKEN.get(kind, kind)}"
    return problem(node.at(loc).mark, codes.wrong, f"{message}; name a value of that kind")


def _together(model: type[BaseModel], node: Node, values: Any, codes: Codes) -> list[Problem]:
    """What the model says of several parameters at once, which it does only when each by itself is fine."""
    templates, wrong = {loc for loc, _ in _templates(values, ())}, _errors(model, node)
    samples = {loc: _SAMPLES.get(_WANTED[of[0]], "x") for loc, of in wrong.items() if loc in templates and _of_kind(of)}
    try:
        model.model_validate(_with(node, samples).unmarked())
    except ValidationError as error:
        return reports(model, node, [one for one in error.errors(include_url=False) if one["loc"] == ()], codes)
    return []


def _of_kind(of: Sequence[str]) -> bool:
    return all(one in _WANTED for one in of)


def _errors(model: type[BaseModel], node: Node) -> dict[tuple[str | int, ...], list[str]]:
    """The kinds of errors by the place that the author wrote."""
    found: dict[tuple[str | int, ...], list[str]] = {}
    try:
        model.model_validate(node.unmarked())
    except ValidationError as error:
        for one in error.errors(include_url=False):
            found.setdefault(place_of(node, one["loc"]), []).append(one["type"])
    return found


def _with(node: Node, samples: Mapping[tuple[str | int, ...], Any], loc: tuple[str | int, ...] = ()) -> Node:
    if loc in samples:
        return replace(node, value=samples[loc])
    if isinstance(node.value, dict):
        return replace(node, value={key: _with(child, samples, (*loc, key)) for key, child in node.value.items()})
    if isinstance(node.value, list):
        return replace(node, value=[_with(child, samples, (*loc, index)) for index, child in enumerate(node.value)])
    return node


def _templates(values: Any, loc: tuple[str | int, ...]) -> list[tuple[tuple[str | int, ...], Any]]:
    inner: Any = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    own = [(loc, values)] if isinstance(values, (Whole, Path, Text)) else []
    return own + [one for key, child in inner for one in _templates(child, (*loc, key))]


def _whole(values: Any, loc: tuple[str | int, ...]) -> list[tuple[tuple[str | int, ...], Any]]:
    return [(where, value) for where, value in _templates(values, loc) if not isinstance(value, Text)]


def _kind(value: Whole | Path) -> str | None:
    """What a template is sure to give, None when that shows at the run only."""
    if isinstance(value, Path):
        return value.kind
    return _KINDS.get(value.expression.kind.partition("(")[0])
