"""A value as a cell of a file: whatever a record holds becomes text that no program takes for a formula."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from automations.functions import iso
from config.errors import Permanent
from config.storable import storable

# Spreadsheets take a text that begins so for a formula; the wide forms too. Source: OWASP, CSV Injection.
_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?\Z")


def text_of(value: Any) -> str:
    """As text: "" for null and for what is no number, times in ISO 8601 UTC, lists and maps as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, Decimal)):
        return number_text(value)
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    return value_text(jsonable(value))


def value_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def number_text(value: int | float | Decimal) -> str:
    """Every digit, never with an exponent."""
    if isinstance(value, (float, Decimal)) and not math.isfinite(value):
        return ""
    if isinstance(value, float):
        return str(int(value)) if value == int(value) and abs(value) < 2**53 else format(Decimal(repr(value)), "f")
    try:
        return format(value, "f") if isinstance(value, Decimal) else str(value)
    except ValueError:
        raise Permanent("a number has more than 4,300 digits and is no data.", kind="value") from None


def formula_safe(text: str) -> str:
    """With a `'` before what a spreadsheet would compute. Plain numbers stay what they are."""
    return "'" + text if text and _FORMULA.match(text) and not _NUMBER.match(text) else text


def jsonable(value: Any) -> Any:
    """As JSON takes it: no NaN, no half characters, bytes in base64."""
    if isinstance(value, Mapping):
        return {storable(str(key)): jsonable(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [jsonable(one) for one in value]
    if isinstance(value, str):
        return storable(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):
        number_text(value)
        return value
    return _other(value)


def _other(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return number_text(value) if isinstance(value, Decimal) else storable(str(value))
