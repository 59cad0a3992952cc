"""Texts that are written out for a function that reads them: one it cannot read would fail at every run."""

from __future__ import annotations

import ast
import re

from automations.functions import moment, money

_DURATION = re.compile(r"[-+]?(\d+(\.\d+)?(h|m|s|ms|us|ns))+\Z")
_ZONED = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[-+]\d{2}:\d{2})\Z")
READERS = frozenset({"date", "timestamp", "money", "duration", "matches"})


def text_of(token: str) -> str:
    """A quoted text as CEL means it. Raises: ValueError, SyntaxError for what Python reads otherwise."""
    value = ast.literal_eval(token)
    if not isinstance(value, str):
        raise ValueError(token)
    return value


def fault(name: str, token: str) -> str | None:
    """Why `name(token)` never works, None when it does. Raises: ValueError, SyntaxError as `text_of`."""
    text = text_of(token)
    shown = f'{name}("{text[:40]}")'
    if name == "duration":
        return None if _DURATION.match(text) else f'{shown} is no length of time; write duration("90m"), hours(2) or days(3)'
    if name == "money":
        return _of_money(text)
    if name == "timestamp" and not _ZONED.match(text):
        return f'{shown} is no time with a zone; write timestamp("2026-12-31T08:00:00Z"), or date("2026-12-31")'
    try:
        moment(text)
    except ValueError:
        return f'{shown} is no date; write date("2026-12-31")'
    return None


def _of_money(text: str) -> str | None:
    try:
        money(text)
    except ValueError as error:
        return f'{error}; write it as money("1250.00")'
    return None
