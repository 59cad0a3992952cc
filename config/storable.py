"""Text and JSON as every database, file and encoding takes them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson

# Moments and objects are refused, as `json` refuses them; NaN and infinity become null.
_AS_JSON = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """The text as every database takes it: PostgreSQL has no NUL, and no encoding has half a surrogate pair."""
    return _NO_TEXT.sub("\N{REPLACEMENT CHARACTER}", text)


def storable_json(value: Any) -> str:
    """JSON that every database takes. What Procore sent is not altered unless it could not be kept at all."""
    with suppress(TypeError):  # halves of surrogate pairs, very large numbers, keys that are no text
        fast = orjson.dumps(value, option=_AS_JSON)
        if b"\\u0000" not in fast:
            return fast.decode()
    with suppress(ValueError):  # NaN and infinity are no JSON
        text = json.dumps(value, allow_nan=False)
        if "\\u0000" not in text and "\\ud" not in text:
            return text
    return json.dumps(_storable(value), allow_nan=False)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(key)): _storable(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_storable(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
