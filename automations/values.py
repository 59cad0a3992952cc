"""Values on their way into an expression: found by path, and brought to the kind that the catalogue declares.

Ids become text, however large; numbers that JSON wrote as text become numbers; nothing is guessed:
what does not fit is a Misfit, which says what was seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from automations.fields import ANY, SPOKEN, Field
from automations.functions import iso, moment


class Missing:
    def __repr__(self) -> str:
        return "missing"


MISSING = Missing()


class Misfit(Exception):
    """The value is not what was declared; `str()` ends the sentence that the path begins."""


def lookup(scope: Mapping[str, Any], path: Sequence[str]) -> Any:
    """The value at a path of names, None below a null, MISSING when a map lacks the name."""
    here: Any = scope
    for name in path:
        if here is None:
            return None
        if not isinstance(here, Mapping):
            return MISSING
        here = here.get(name, MISSING)
        if here is MISSING:
            return MISSING
    return here


def is_id(name: str) -> bool:
    """Ids are text in expressions, whatever Procore sends and whether or not the shape of the record is known."""
    return name == "id" or name.endswith("_id")


def fit(value: Any, field: Field, guarded: bool, name: str = "") -> Any:
    """The value of this name as CEL takes it. `guarded`: the expression itself asks whether it is null. Raises: Misfit."""
    if value is MISSING and not guarded and (field.kind == "any" or not field.nullable):
        raise Misfit("is not there; if that may be, ask first whether it is null: … != null")
    if value is MISSING or value is None:
        if field.nullable or guarded:
            return None
        raise Misfit("is null here; if that may be, ask first: … != null")
    return _fitted(value, field, name)


def _fitted(value: Any, field: Field, name: str) -> Any:
    kind = field.kind
    if kind in ("text", "id", "money") and isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return _clean(str(value))
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind == "int" or kind == "float":
        return _number(value, kind)
    if kind == "date" or kind == "timestamp":
        return _time_text(value)
    if (kind == "list" and isinstance(value, (list, tuple))) or (kind == "map" and isinstance(value, Mapping)) or kind == "any":
        return plain(value, field, name)
    raise Misfit(f"holds {_shown(value)}, which is not {SPOKEN[kind]}")


def _number(value: Any, kind: str) -> int | float:
    try:
        if not isinstance(value, bool):
            number = float(value)
            if kind == "float":
                return number
            if number == int(number):
                return int(value) if isinstance(value, (int, str)) else int(number)
    except (TypeError, ValueError, OverflowError):
        pass
    raise Misfit(f"holds {_shown(value)}, which is not {SPOKEN[kind]}")


def _time_text(value: Any) -> str:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    try:
        moment(value)
    except (TypeError, ValueError):
        raise Misfit(f"holds {_shown(value)}, which is no date or time") from None
    return str(value)


def plain(value: Any, field: Field = ANY, name: str = "") -> Any:
    """A value from JSON as CEL takes it: ids text, absent known names null, no lone surrogates, no datetimes."""
    if isinstance(value, Mapping):
        known = field.fields or {}
        shown = {_clean(str(k)): plain(v, known.get(str(k), ANY), str(k)) for k, v in value.items()}
        return {**dict.fromkeys(known.keys() - shown.keys()), **shown} if known else shown
    if isinstance(value, (list, tuple)):
        return [plain(v, field.item or ANY) for v in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (int, float)) and (is_id(name) or field.kind in ("id", "text", "money")):
        return str(value)
    if isinstance(value, int) and abs(value) >= 2**63:
        return str(value)
    return _clean(value) if isinstance(value, str) else value


def _clean(text: str) -> str:
    # JSON may hold lone surrogates; CEL's C++ strings may not.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _shown(value: Any) -> str:
    text = (
        f'"{value}"'
        if isinstance(value, str)
        else type(value).__name__
        if isinstance(value, (dict, list))
        else str(value).lower()
    )
    return text if len(text) <= 60 else text[:57] + "…"


def shown(value: Any) -> str:
    """A value in a reason: text in quotes, the rest as JSON writes it, cut at 60 characters."""
    import json

    text = json.dumps(plain(value), ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "…"
