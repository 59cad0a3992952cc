"""What must never be shown, and its removal from any text: raw, escaped, or encoded as people's systems encode it.

Whoever learns a secret tells `hide`; whatever leaves as a log line, an error or a kept text goes through `scrub`.
Scrub before a text is shortened: half a secret is not found any more, and half a secret is still a leak.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

SHORTEST = 12
HIDDEN = "***hidden***"  # in kept values, so that a later attempt knows what it reads
_SCHEME = re.compile(r"(?:bearer|basic|token|apikey)\s+(\S+)\Z", re.IGNORECASE)
# A token that has expired opens nothing; a little longer covers clocks that differ.
_GRACE_S = 3600.0

_known: dict[str, tuple[float, frozenset[str]]] = {}
_forms: tuple[str, ...] = ()
_guard = threading.Lock()


def hide(secret: str, lives_s: float | None = None) -> None:
    """Never let this value through, in any of its forms; forgotten a while after `lives_s` seconds, where that is given.

    Who knows how long it lives overrules who does not. Values shorter than 12 characters are not registered: they would
    blank common text.
    """
    global _forms
    until = None if lives_s is None else time.monotonic() + lives_s + _GRACE_S
    wanted = [value for value in _parts(secret) if len(value) >= SHORTEST]
    with _guard:
        fresh = [value for value in wanted if value not in _known]
        for value in fresh:
            _known[value] = (float("inf"), frozenset(_written(value)))
        if until is not None:
            _known.update({value: (until, _known[value][1]) for value in wanted})
        if not fresh:
            return
        for value in [value for value, (end, _) in _known.items() if end < time.monotonic()]:
            del _known[value]
        # Replaced, never changed in place: another thread may be reading it. The longest first, since one may hold another.
        _forms = tuple(sorted({form for _, forms in _known.values() for form in forms}, key=len, reverse=True))


def scrub(text: str, sign: str = "***") -> str:
    """The text with `sign` in place of everything hidden."""
    for form in _forms:
        if form in text:
            text = text.replace(form, sign)
    return text


def holds_hidden(value: Any) -> bool:
    """Whether a kept value, read again, has lost a secret: what stands in its place must not be taken for it."""
    if isinstance(value, Mapping):
        return any(holds_hidden(inner) or holds_hidden(name) for name, inner in value.items())
    if isinstance(value, (list, tuple)):
        return any(map(holds_hidden, value))
    return isinstance(value, str) and HIDDEN in value


def _parts(secret: str) -> Iterator[str]:
    """The value, and the credential inside an Authorization header: a far end that echoes it leaves the scheme out."""
    yield secret
    inner = _SCHEME.match(secret)
    if inner is None:
        return
    yield inner[1]
    try:
        user, _, password = base64.b64decode(inner[1], validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return
    yield f"{user}:{password}"
    yield password


def _written(value: str) -> Iterator[str]:
    escaped = json.dumps(value)[1:-1]
    yield from (value, escaped, json.dumps(escaped)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
    yield from (repr(value)[1:-1], html.escape(value))
    raw = value.encode("utf-8", "replace")
    for one in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield from (one, re.sub(r"%..", lambda code: code[0].lower(), one))
    yield from (raw.hex(), raw.hex().upper())
    for offset in range(3):
        core = _base64_core(raw, offset)
        yield from (core, core.replace("+", "-").replace("/", "_"))


def _base64_core(raw: bytes, offset: int) -> str:
    """The signs of a base64 text that depend on `raw` alone, when `offset` bytes (mod 3) of something else stand before it."""
    whole = (offset + len(raw)) * 8 // 6
    return base64.b64encode(b"\0" * offset + raw).decode()[(offset * 8 + 5) // 6 : whole]
