"""What of a step is kept: plain JSON, within a size, so that it survives a restart unchanged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from automations.functions import iso
from config.errors import Permanent

MAX_BYTES = 256 * 1024


def kept_form(value: Any, word: str | None) -> Any:
    """The value as JSON will give it back. `word` names the action in the error; None cuts instead of raising.

    Raises: Permanent(kind="output") when it is larger than 256 KiB.
    """
    text = json.dumps(_jsonable(value), ensure_ascii=True, allow_nan=True, default=str)
    if len(text) <= MAX_BYTES:
        return json.loads(text)
    if word is None:
        return {"cut": f"{len(text) // 1024} KiB, not kept"}
    raise Permanent(
        f"{word} gave {len(text) // 1024} KiB, and a step keeps at most {MAX_BYTES // 1024} KiB. Ask for less.", kind="output"
    )


def _jsonable(value: Any) -> Any:
    if value is None or isinstance(value, (str, int, float)):  # most of all there is
        return value
    if isinstance(value, Mapping):
        return {str(k): _jsonable(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(v) for v in value]
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    return value.total_seconds() if isinstance(value, timedelta) else value
