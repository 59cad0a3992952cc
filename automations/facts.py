"""What a condition says of single names, as far as it can be read without evaluating it.

`record.status == "open" && record.due_date != null` is two facts. A line that says something else (a sum, a call, a choice)
gives none: what is not understood is never judged, so that nothing is complained of that may be right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from automations.constants import text_of
from automations.functions import moment, money
from automations.tokens import Token, closing, tokens

Sign = Literal["in", "not in", "<", "<=", ">", ">="]
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_OPPOSITE: dict[Sign, Sign] = {"in": "not in", "not in": "in", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_CONSTANTS = {"true": True, "false": False, "null": None}


@dataclass(frozen=True)
class Fact:
    """`path` is among `values` (or not), or on one side of the one value. `offset` is where it stands in its line."""

    path: str
    sign: Sign
    values: tuple[Any, ...]
    offset: int = field(default=0, compare=False)
    text: str = field(default="", compare=False)


class _Unclear(Exception):
    """Not a fact about one name."""


def facts(line: str) -> list[Fact]:
    """Everything that must be so when the line is true."""
    found = tokens(line)
    if _outside(found, "?"):
        return []
    return [fact for part in _split(found, "&&") for fact in _of_part(part, line)]


def alternatives(line: str) -> list[Fact]:
    """The facts of a line that is nothing but facts with `||` between them; empty when it is anything else."""
    found = _bare(tokens(line))
    parts = _split(found, "||")
    if len(parts) < 2 or _outside(found, "?") or _outside(found, "&&"):
        return []
    try:
        return [_fact(part, line) for part in parts]
    except _Unclear:
        return []


def _of_part(part: list[Token], line: str) -> list[Fact]:
    part = _bare(part)
    if _outside(part, "?"):
        return []
    if _outside(part, "&&"):
        return [fact for inner in _split(part, "&&") for fact in _of_part(inner, line)]
    try:
        if _outside(part, "||"):
            return [_joined([_fact(one, line) for one in _split(part, "||")])]
        return [_fact(part, line)]
    except _Unclear:
        return []


def _joined(several: Sequence[Fact]) -> Fact:
    """`a == "x" || a == "y"` is one fact: a is one of the two."""
    first = several[0]
    if any(one.path != first.path or one.sign != "in" for one in several):
        raise _Unclear
    return replace(first, values=tuple(value for one in several for value in one.values))


def _fact(part: list[Token], line: str) -> Fact:
    part = _bare(part)
    if not part:
        raise _Unclear
    offset, text = part[0].start, line[part[0].start : part[-1].end]
    if part[0].text == "!":
        inner = _fact(part[1:], line) if len(part) > 2 and part[1].text == "(" else None
        if inner is None:
            return Fact(_path(part[1:]), "in", (False,), offset, text)
        return replace(inner, sign=_OPPOSITE[inner.sign], offset=offset, text=text)
    sign = next((i for i, t in enumerate(part) if t.text in ("==", "!=", "<", "<=", ">", ">=", "in") and _at_top(part, i)), None)
    if sign is None:
        return Fact(_path(part), "in", (True,), offset, text)
    return replace(_compared(part[:sign], part[sign].text, part[sign + 1 :]), offset=offset, text=text)


def _compared(left: list[Token], sign: str, right: list[Token]) -> Fact:
    if sign == "in":
        return Fact(_path(left), "in", _list(right))
    try:
        path, value = _path(left), _value(right)
    except _Unclear:
        path, value, sign = _path(right), _value(left), _TURNED.get(sign, sign)
    if sign in ("==", "!="):
        return Fact(path, "in" if sign == "==" else "not in", (value,))
    return Fact(path, sign, (value,))  # type: ignore[arg-type]


def _path(part: list[Token]) -> str:
    names = part[::2]
    if not part or any(t.kind != "name" for t in names) or any(t.text != "." for t in part[1::2]) or len(part) % 2 == 0:
        raise _Unclear
    if part[0].text in _CONSTANTS or part[0].text == "in":
        raise _Unclear
    return "".join(t.text for t in part)


def _value(part: list[Token]) -> Any:
    """A written-out value; times as times, money in its own units."""
    if len(part) == 1 and part[0].kind == "string":
        return _text(part[0])
    if len(part) == 1 and part[0].text in _CONSTANTS:
        return _CONSTANTS[part[0].text]
    if part and part[-1].kind == "number" and len(part) <= 2 and (len(part) == 1 or part[0].text == "-"):
        return _number("".join(t.text for t in part))
    if len(part) == 4 and part[0].kind == "name" and part[1].text == "(" and part[2].kind == "string":
        return _read(part[0].text, _text(part[2]))
    raise _Unclear


def _list(part: list[Token]) -> tuple[Any, ...]:
    if not part or part[0].text != "[" or closing(part, 0) != len(part) - 1:
        raise _Unclear
    return tuple(_value(one) for one in _split(part[1:-1], ","))


def _text(token: Token) -> str:
    try:
        return text_of(token.text)
    except (ValueError, SyntaxError):
        raise _Unclear from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise _Unclear from None


def _read(name: str, text: str) -> Any:
    try:
        return {"date": moment, "timestamp": moment, "money": money}[name](text)
    except (KeyError, ValueError):
        raise _Unclear from None


def _bare(part: list[Token]) -> list[Token]:
    while part and part[0].text == "(" and closing(part, 0) == len(part) - 1:
        part = part[1:-1]
    return part


def _at_top(part: list[Token], index: int) -> bool:
    depth = sum((t.text in ("(", "[", "{")) - (t.text in (")", "]", "}")) for t in part[:index] if t.kind == "sign")
    return depth == 0


def _outside(part: list[Token], sign: str) -> bool:
    return any(t.kind == "sign" and t.text == sign and _at_top(part, i) for i, t in enumerate(part))


def _split(part: list[Token], sign: str) -> list[list[Token]]:
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in part:
        if token.kind == "sign":
            depth += (token.text in ("(", "[", "{")) - (token.text in (")", "]", "}"))
        if depth == 0 and token.kind == "sign" and token.text == sign:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def clash(known: Iterable[Fact], fact: Fact) -> Fact | None:
    """The earlier fact that this one can never hold beside, None when both may."""
    same = [one for one in known if one.path == fact.path or _guards(one, fact) or _guards(fact, one)]
    pair = next((one for one in same if not _together([one, fact])), None)
    if pair is not None:
        return pair
    own = [one for one in same if one.path == fact.path]
    return own[-1] if own and not _together([*own, fact]) else None


def _guards(whole: Fact, part: Fact) -> bool:
    """`record.assignee == null` and something of `record.assignee.name`."""
    return whole.sign == "in" and whole.values == (None,) and part.path.startswith(f"{whole.path}.") and None not in part.values


def _together(several: Sequence[Fact]) -> bool:
    """Whether one value fits all. Where values are of different kinds, nothing is known and the answer is yes."""
    if any(_guards(a, b) for a in several for b in several if a is not b):
        return False
    finite = [one for one in several if one.sign == "in"]
    if finite:
        return any(all(_fits(value, one) for one in several) for value in finite[0].values)
    lower = [one for one in several if one.sign in (">", ">=")]
    upper = [one for one in several if one.sign in ("<", "<=")]
    return all(_leaves_room(a, b) for a in lower for b in upper)


def _fits(value: Any, fact: Fact) -> bool:
    if fact.sign == "in":
        return any(_same(value, one) for one in fact.values)
    if fact.sign == "not in":
        return not any(_same(value, one) for one in fact.values)
    bound = fact.values[0]
    if value is None or type(value) is not type(bound):
        return value is not None
    ways = {"<": value < bound, "<=": value <= bound, ">": value > bound, ">=": value >= bound}
    return bool(ways[fact.sign])


def _same(a: Any, b: Any) -> bool:
    return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)


def _leaves_room(low: Fact, high: Fact) -> bool:
    a, b = low.values[0], high.values[0]
    if type(a) is not type(b) or isinstance(a, (bool, type(None))):
        return True
    return bool(a < b) or (bool(a == b) and low.sign == ">=" and high.sign == "<=")
