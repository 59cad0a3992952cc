"""What CEL says, in the words of a person who writes rules."""

from __future__ import annotations

import re

_SIGNS = {
    "_==_": "==", "_!=_": "!=", "_<_": "<", "_<=_": "<=", "_>_": ">", "_>=_": ">=", "_+_": "+", "_-_": "-", "_*_": "*",
    "_/_": "/", "_%_": "%", "_&&_": "&&", "_||_": "||", "!_": "!", "-_": "-", "_?_:_": "? :", "@in": "in", "_[_]": "[…]",
}  # fmt: skip
_KINDS = {
    "string": "text", "int": "a whole number", "int64": "a whole number", "uint": "an unsigned number",
    "double": "a decimal number", "bool": "true or false", "google.protobuf.Timestamp": "a time",
    "google.protobuf.Duration": "a length of time", "timestamp": "a time", "duration": "a length of time", "null_type": "null",
    "dyn": "a value of no known type",
}  # fmt: skip
_OVERLOAD = re.compile(r"found no matching overload for '([^']+)' applied to '\((.*)\)'")
_AT_RUN = re.compile(r"No matching overloads found : (\S+?)\((.*)\)")


def plainly(said: str) -> str:
    """One complaint of CEL as a sentence with a mend where one is known."""
    match = _OVERLOAD.search(said) or _AT_RUN.search(said)
    if match is None:
        return _other(said)
    sign, kinds = match.group(1), _split(match.group(2))
    return f"{_what(sign, kinds)}{_mend(sign, kinds)}"


def _other(said: str) -> str:
    if found := re.search(r"expression of type '(.+?)' cannot be the range of a comprehension", said):
        return f"exists(), all(), filter() and map() go through a list; this is {_spoken(found.group(1))}"
    if found := re.search(r"undeclared reference to '([^']+)'", said):
        return f'there is no "{found.group(1)}" here'
    if found := re.search(r'Key not found in map : "?([^"]+)"?', said):
        return f'there is no "{found.group(1)}" in this map; ask first with has(…)'
    if found := re.search(r"index=(-?\d+) size=(\d+)", said):
        return f"there is no item {found.group(1)}; the list has {found.group(2)}"
    return said.rstrip(" .")


def _what(sign: str, kinds: list[str]) -> str:
    spoken = [_spoken(k) for k in kinds]
    if sign == "<jump_condition>":
        return f"a condition must be true or false, not {spoken[0] if spoken else 'this'}"
    if sign not in _SIGNS:
        return f"{sign}() does not take {' and '.join(spoken) or 'nothing'}"
    if sign == "_?_:_":
        return "both values of ? : must be of one kind, and its condition true or false; these are " + ", ".join(spoken)
    return f"{_SIGNS[sign]} does not work on {' and '.join(spoken)}"


def _mend(sign: str, kinds: list[str]) -> str:
    pair = {_bare(k) for k in kinds}
    times = pair & {"google.protobuf.Timestamp", "google.protobuf.Duration", "timestamp", "duration"}
    if times and pair & {"int", "int64", "double"}:
        return '; write days(3) or hours(2) for a length of time, date("2026-12-31") for a day'
    if sign in ("_==_", "_!=_") and "string" in pair and any(k.startswith("list") for k in pair):
        return "; ask whether it is one of them: … in […]"
    if sign == "contains" and any(k.startswith("list") for k in pair):
        return '; for a list write "…" in list'
    if sign == "@in" and pair == {"string"}:
        return '; put the values into brackets, or write x.contains("…")'
    if "null" in " ".join(pair):
        return "; ask first whether the value is null: … != null"
    if sign not in _SIGNS or sign in ("_&&_", "_||_", "!_", "_?_:_"):
        return "; write a comparison, such as … == true" if sign in ("_&&_", "_||_", "!_") else ""
    if pair in ({"string", "int"}, {"string", "double"}, {"string", "int64"}):
        return "; put quotes around the number (ids are text), or write string(…)"
    if pair in ({"double", "int"}, {"double", "int64"}):
        return "; write the number with a decimal point, such as 1.0"
    if "google.protobuf.Timestamp" in pair and "string" in pair:
        return '; write date("2026-12-31") or timestamp("…Z")'
    if pair == {"bool", "string"}:
        return "; write true or false without quotes"
    return ""


def _split(kinds: str) -> list[str]:
    """`string, map(string, dyn)` is two."""
    parts, depth, start = [], 0, 0
    for index, sign in enumerate(kinds):
        depth += sign in "(<"
        depth -= sign in ")>"
        if sign == "," and depth == 0:
            parts.append(kinds[start:index].strip())
            start = index + 1
    return [*parts, kinds[start:].strip()] if kinds.strip() else []


def _bare(kind: str) -> str:
    return re.sub(r"^wrapper\((.*)\)$", r"\1", kind)


def _spoken(kind: str) -> str:
    bare = _bare(kind)
    if bare.startswith("list"):
        return "a list"
    return "a map" if bare.startswith("map") else _KINDS.get(bare, bare)
