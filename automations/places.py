"""From a character of a YAML value back to its line and column in the file, whatever style it is written in."""

from __future__ import annotations

import re

from config.problems import Mark
from config.yamlfile import Node

_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r?\n[ \t]*|.)", re.DOTALL)


def place(source: str, node: Node, offset: int) -> Mark:
    """The mark of the value's character at `offset`; the mark of the value itself when it cannot be followed."""
    at = _follow(source, node, offset)
    if at is None:
        return node.mark
    line = source.count("\n", 0, at) + 1
    return Mark(node.mark.file, line, at - (source.rfind("\n", 0, at) + 1) + 1)


def _begin(source: str, mark: Mark) -> int:
    at = 0
    for _ in range(mark.line - 1):
        at = source.find("\n", at) + 1
    return at + mark.column - 1


def _follow(source: str, node: Node, offset: int) -> int | None:
    """Walk value and source side by side. Folding only ever changes white space, so that may differ in length."""
    if not isinstance(node.value, str):
        return None
    raw = _begin(source, node.mark)
    if node.style in ("|", ">"):
        raw = source.find("\n", raw) + 1
    elif node.style:
        raw += 1
    for index, sign in enumerate(node.value):
        raw, length = _step(source, raw, sign, node.style)
        if raw < 0:
            return None
        if index == offset:
            return raw
        raw += length
    return raw if offset >= len(node.value) else None


def _step(source: str, raw: int, sign: str, style: str | None) -> tuple[int, int]:
    """Where `sign` stands from `raw` on, and how many characters it takes there; -1 when it does not."""
    if sign.isspace():
        if style == '"' and source.startswith("\\", raw):
            return raw, _escaped(source, raw)
        return raw, 1 if raw < len(source) and source[raw].isspace() else 0
    while raw < len(source) and source[raw].isspace():
        raw += 1
    if style == '"' and source.startswith("\\", raw):
        if re.match(r"\\\r?\n", source[raw : raw + 3]):
            return _step(source, raw + _escaped(source, raw), sign, style)
        return raw, _escaped(source, raw)
    if style == "'" and sign == "'" and source.startswith("''", raw):
        return raw, 2
    return (raw, 1) if source.startswith(sign, raw) else (-1, 0)


def _escaped(source: str, raw: int) -> int:
    match = _ESCAPE.match(source, raw)
    return len(match.group()) if match else 1
