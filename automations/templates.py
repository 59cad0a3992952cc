"""`${ CEL }` inside the values of a rule.

A value that is one whole `${…}` keeps its type; one inside other text becomes text. `${` ends at its
matching brace outside strings; `$${` is a literal `${`. A null inside text is an error, because a path
or a key with a hole in it names something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from automations.expressions import Expression, check
from automations.fields import ANY, Field, Lost, find
from automations.functions import iso, moment
from automations.scanning import Finding
from automations.slips import foreign
from automations.tokens import tokens
from automations.values import MISSING, is_id, lookup
from config.errors import Permanent
from config.yamlfile import Node

Say = Callable[[Node, Finding], None]


@dataclass(frozen=True)
class Piece:
    """Text, or the inside of one `${…}`; `offset` is where it begins in the whole value."""

    text: str
    offset: int
    is_expression: bool


class Unclosed(Exception):
    """A `${` without its `}`; `offset` is where it begins."""

    def __init__(self, offset: int):
        super().__init__(offset)
        self.offset = offset


def pieces(text: str) -> list[Piece]:
    """Raises: Unclosed."""
    return list(_pieces(text))


def _pieces(text: str) -> Iterator[Piece]:
    plain, since, at = "", 0, 0
    while at < len(text):
        if text.startswith("$${", at):
            plain, at = plain + "${", at + 3
        elif text.startswith("${", at):
            if plain:
                yield Piece(plain, since, False)
            end = _end(text, at)
            yield Piece(text[at + 2 : end], at + 2, True)
            plain, since, at = "", end + 1, end + 1
        else:
            plain, at = plain + text[at], at + 1
    if plain:
        yield Piece(plain, since, False)


def _end(text: str, opening: int) -> int:
    depth = 0
    for token in tokens(text[opening + 2 :]):
        if token.kind != "sign":
            continue
        if token.text == "}" and depth == 0:
            return opening + 2 + token.start
        depth += token.text == "{"
        depth -= token.text == "}"
    raise Unclosed(opening)


class RecordCopy(dict[str, Any]):
    """Procore's record as a whole: `row: ${record}` is told from any other map by this."""


@dataclass(frozen=True)
class Whole:
    """A value that is one `${…}`."""

    expression: Expression
    field: Field

    def render(self, scope: Mapping[str, Any]) -> Any:
        path = self.expression.whole_path()
        return self.expression.evaluate(scope) if path is None else _typed(_there(scope, path.names), self.field, path.names[-1])


@dataclass(frozen=True)
class Path:
    """`${record}` or `${steps.fetch.output}` as it stands: never goes through CEL, keeps every type."""

    names: tuple[str, ...]
    kind: str = "map"

    def render(self, scope: Mapping[str, Any]) -> Any:
        return _there(scope, self.names)


@dataclass(frozen=True)
class Text:
    """Text with `${…}` in it."""

    parts: tuple[str | Whole, ...]

    def render(self, scope: Mapping[str, Any]) -> str:
        return "".join(p if isinstance(p, str) else _spelled(p.render(scope), p.expression.source) for p in self.parts)


Template = Whole | Path | Text
_ROOTS = frozenset({"record", "previous", "event", "steps", "vars", "run", "item", "error"})


def compiled(node: Node, scope: Field, say: Say) -> Any:
    """A YAML value with its templates compiled: dicts and lists of constants and Templates."""
    if isinstance(node.value, dict):
        return {key: compiled(child, scope, say) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [compiled(child, scope, say) for child in node.value]
    if not isinstance(node.value, str):
        return node.value
    if "${" not in node.value:
        _no_other_language(node, Piece(node.value, 0, False), say)
        _no_bare_name(node, scope, say)
        return node.value
    return _template(node, scope, say)


def _no_other_language(node: Node, piece: Piece, say: Say) -> None:
    """`{{ record.title }}` would be sent as it stands."""
    if not piece.is_expression and (at := foreign(piece.text)) is not None:
        shown = piece.text[at : at + 30].split("\n")[0]
        say(node, Finding(piece.offset + at, "TB219", f'"{shown}" is a template of another language; write ${{…}}', "${…}"))


def _no_bare_name(node: Node, scope: Field, say: Say) -> None:
    """`record.title` without `${}` would be sent as these letters."""
    names = node.value.strip().split(".")
    if len(names) < 2 or names[0] not in _ROOTS or not all(name.isidentifier() for name in names):
        return
    if not isinstance(find(scope, names), Lost):
        right = "${" + node.value.strip() + "}"
        say(
            node,
            Finding(0, "TB219", f'"{node.value.strip()}" would be taken as these letters; write "{right}" for its value', right),
        )


def _template(node: Node, scope: Field, say: Say) -> Any:
    try:
        found = pieces(node.value)
    except Unclosed as unclosed:
        say(node, Finding(unclosed.offset, "TB212", '"${" has no closing "}"; write $${ for a literal one'))
        return None
    for piece in found:
        _no_other_language(node, piece, say)
    if len(found) == 1 and found[0].is_expression:
        return _whole(node, found[0], scope, say, alone=True)
    parts = [p.text if not p.is_expression else _whole(node, p, scope, say, alone=False) for p in found]
    if all(isinstance(p, str) for p in parts):
        return "".join(p for p in parts if isinstance(p, str))
    return Text(tuple(p for p in parts if p is not None and not isinstance(p, Path)))


def _whole(node: Node, piece: Piece, scope: Field, say: Say, alone: bool) -> Whole | Path | None:
    names = tuple(piece.text.strip().split("."))
    if alone and (kind := _passes_whole(scope, names)) is not None:
        return Path(names, kind)
    expression, findings = check(piece.text, scope)
    for finding in findings:
        say(node, Finding(piece.offset + finding.offset, finding.code, finding.message, finding.suggestion, finding.warning))
    if expression is None:
        return None
    if not alone and expression.kind.startswith(("LIST", "MAP")):
        mend = f"size({piece.text.strip()}), or let it stand alone as the whole value"
        say(node, Finding(piece.offset, "TB216", f"a list or map cannot stand inside text; write {mend}"))
    path = expression.whole_path()
    return Whole(expression, path.field if path else ANY)


def _passes_whole(scope: Field, names: tuple[str, ...]) -> str | None:
    """The kind of `${record}`, and of any known map or list by its path."""
    if not all(n.isidentifier() for n in names):
        return None
    found = find(scope, names)
    if isinstance(found, Lost) or names in (("steps",), ("run",)):
        return None
    return found.kind if found.kind in ("map", "list") else None


def _there(scope: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    value = lookup(scope, names)
    if value is MISSING and names[0] in ("record", "previous"):
        return None
    if value is MISSING:
        raise Permanent(f"`{'.'.join(names)}` is not there.", kind="expression")
    return value


def _typed(value: Any, field: Field, name: str) -> Any:
    """The value of a bare path: ids as text, dates and times as such, the rest as Procore wrote it."""
    if value is None:
        return None
    if field.kind == "id" or (is_id(name) and isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    try:
        if field.kind == "date" and isinstance(value, str) and len(value) == 10:
            return date.fromisoformat(value)
        if field.kind in ("date", "timestamp") and isinstance(value, str):
            return moment(value)
    except ValueError:
        raise Permanent(f'"{value[:40]}" is no date or time.', kind="expression") from None
    return value


def _spelled(value: Any, source: str) -> str:
    if value is None:
        raise Permanent(
            f'`{source.strip()}` is null and stands inside text; write ${{{source.strip()} == null ? "" : …}} if it may be.',
            kind="expression",
        )
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    if isinstance(value, (dict, list)):
        raise Permanent(f"`{source.strip()}` is a list or map and cannot stand inside text.", kind="expression")
    return str(value)


def render(value: Any, scope: Mapping[str, Any]) -> Any:
    """The value with its templates filled in. Raises: Permanent(kind="expression")."""
    if isinstance(value, dict):
        return {key: render(item, scope) for key, item in value.items()}
    if isinstance(value, list):
        return [render(item, scope) for item in value]
    return value.render(scope) if isinstance(value, (Whole, Path, Text)) else value


def expressions_in(node: Node) -> Iterator[str]:
    """The inside of each `${…}` below a node."""
    inner = node.value.values() if isinstance(node.value, dict) else node.value if isinstance(node.value, list) else ()
    for child in inner:
        yield from expressions_in(child)
    if isinstance(node.value, str) and "${" in node.value:
        try:
            yield from (piece.text for piece in pieces(node.value) if piece.is_expression)
        except Unclosed:
            return


def roots(value: Any) -> set[str]:
    """The first names of all that the templates inside a value refer to."""
    if isinstance(value, dict):
        return set().union(*(roots(v) for v in value.values()))
    if isinstance(value, list):
        return set().union(*(roots(v) for v in value))
    if isinstance(value, Path):
        return {value.names[0]}
    if isinstance(value, Whole):
        return value.expression.roots()
    return set().union(*(roots(p) for p in value.parts)) if isinstance(value, Text) else set()
