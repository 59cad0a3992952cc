"""What an error body says, in one line that is safe to show.

Procore has eight shapes: `errors` as text, list or map of lists, `message`, OAuth's `error` with
`error_description`, `reason`, and the newer `error` object with code, message and details.
Source: Procore documentation, error reference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from config.hiding import scrub

LONGEST = 300
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+")


def remark(body: bytes, content_type: str = "application/json") -> str:
    """The sentence in an error body, or an empty string when there is none worth showing."""
    text = body[:100_000].decode("utf-8", "replace")
    try:
        said = "; ".join(dict.fromkeys(_said(json.loads(text))))
    except (ValueError, RecursionError):
        said = "" if "html" in content_type.lower() or text.lstrip().startswith("<") else text
    return plain(said)


def plain(text: str, longest: int = LONGEST) -> str:
    """Without secrets, control and direction marks, on one line, at most `longest` characters."""
    line = " ".join(_UNSAFE.sub(" ", scrub(text)).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _said(body: Any, key: str = "") -> Iterator[str]:
    if isinstance(body, str):
        yield f"{key} {body}".strip()
    elif isinstance(body, list):
        for item in body[:20]:
            yield from _said(item, key)
    elif isinstance(body, dict):
        yield from _of_object(body, key)


def _of_object(body: dict[str, Any], key: str) -> Iterator[str]:
    known = [body[name] for name in ("errors", "error", "error_description", "reason", "message", "details") if body.get(name)]
    if known:
        for inner in known:
            yield from _said(inner, key)
        return
    # A map of field to complaints: {"title": ["can't be blank"]}. `base` means the record as a whole.
    for name, inner in list(body.items())[:20]:
        yield from _said(inner, key if name in ("base", "code", "source", "reason_code", "fields") else f"{key} {name}".strip())
