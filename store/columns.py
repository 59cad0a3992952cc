"""Which column holds which value in users' tables: types are chosen by value, only ever widened, and values are made to fit.

SQLite takes anything anywhere and PostgreSQL nothing that is not exact; here both are made to agree.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Date, DateTime, Double, Float, Integer, Numeric, String, Text
from sqlalchemy.types import TypeEngine

from store.types import Instant, Json, storable, storable_json

# Wider to the right; a column only ever moves right.
_WIDER: tuple[type[TypeEngine[Any]], ...] = (Boolean, BigInteger, Double, Text)
_FAMILIES: tuple[tuple[type[Any], ...], ...] = ((Boolean,), (Integer,), (Float, Numeric), (String,))


def type_of(value: Any) -> Any:
    """The type of a new column whose first value this is."""
    if isinstance(value, bool):
        return Boolean()
    if isinstance(value, int) and _fits_64_bits(value):
        return BigInteger()
    if isinstance(value, float):
        return Double()
    if isinstance(value, dt.datetime):
        return Instant()
    if isinstance(value, dt.date):
        return Date()
    return Json if isinstance(value, (dict, list)) else Text()


def wider(have: Any, value: Any) -> type[TypeEngine[Any]] | None:
    """The type a column must move to so that it can hold `value`; None when it can already, or never could."""
    rank = next((n for n, family in enumerate(_FAMILIES) if isinstance(have, family)), None)
    if value is None or rank is None or (isinstance(value, str) and _number(have, value) is not None):
        return None
    kind = type_of(value)
    need = next((n for n, one in enumerate(_WIDER) if type(kind) is one), len(_WIDER) - 1)
    return _WIDER[need] if need > rank else None


def fitted(have: Any, value: Any) -> Any:
    """The value as a column of this type takes it. Raises: ValueError when it cannot."""
    if value is None:
        return None
    if isinstance(have, JSON):
        return _text(value) if isinstance(value, dt.date) else value
    if isinstance(have, String):
        return _text(value)
    if isinstance(have, (Instant, DateTime)):
        return _moment(value)
    if isinstance(have, Date):
        return _moment(value).date() if isinstance(value, dt.datetime) else _date(value)
    if isinstance(have, (Integer, Float, Numeric)) and isinstance(value, (bool, str)):
        return int(value) if isinstance(value, bool) else _number(have, value)
    return value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.date):  # a datetime is one as well
        return value.isoformat().replace("+00:00", "Z")
    return storable_json(value) if isinstance(value, (dict, list)) else storable(str(value))


def _number(have: Any, text: str) -> int | float | None:
    """The number that is written so and not otherwise: `007` and `1e3` stay text."""
    try:
        number = float(text) if isinstance(have, (Float, Numeric)) else int(text)
    except ValueError:
        return None
    same = text in (str(number), str(int(number)) if number == number and abs(number) < 2**53 else "")
    return number if same and not isinstance(have, Boolean) and (isinstance(number, float) or _fits_64_bits(number)) else None


def _fits_64_bits(number: int) -> bool:
    return -(2**63) <= number < 2**63


def _moment(value: Any) -> dt.datetime:
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    if isinstance(value, dt.datetime):
        return value if value.tzinfo else value.replace(tzinfo=dt.UTC)
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
    raise ValueError("no moment")


def _date(value: Any) -> dt.date:
    if isinstance(value, str):
        return dt.datetime.fromisoformat(value).date()
    if isinstance(value, dt.date):
        return value
    raise ValueError("no date")
