"""Mutants of a file: the same program with one small mistake in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

Edit = tuple[ast.AST, str, Any]  # of this node that field gets another value

_COMPARE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}  # fmt: skip
_BINARY: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
# Parts of a statement to the database that it may lack and still be one.
_CLAUSES = ("where", "order_by", "limit", "with_for_update", "values", "desc", "distinct")
_GROUPS = ("where", "and_", "or_", "values", "execute")
_NAMES_OF_TYPES = ("annotation", "returns")
AROUND = 28


@dataclass(frozen=True)
class Mutant:
    """`name` says what is wrong, and stays the same while other lines move. `function` is where, with its class, and `lines` are
    those of the statement it is in; None when it is carried out when the file is imported."""

    name: str
    function: str
    source: str
    lines: range | None


def mutants_of(source: str) -> list[Mutant]:
    """All of them, in the order of the file. What people read (docstrings, messages made of values) and types are left alone."""
    tree = ast.parse(source)
    plain = ast.unparse(tree)
    found: dict[str, Mutant] = {}
    for edits, where, lines in _sites(tree, "", None):
        before = [(node, field, getattr(node, field)) for node, field, _ in edits]
        _apply(edits)
        changed = ast.unparse(ast.fix_missing_locations(tree))
        _apply(before)
        if changed == plain or changed in found:
            continue
        name = f"{where or 'module'}: {_difference(plain, changed)}"
        alike = sum(one.name.partition(" #")[0] == name for one in found.values())
        found[changed] = Mutant(f"{name} #{alike + 1}" if alike else name, where, changed, lines)
    return list(found.values())


def _apply(edits: list[Edit]) -> None:
    for node, field, value in edits:
        setattr(node, field, value)


def _difference(plain: str, changed: str) -> str:
    """What stands there and what should, with a few signs of its line on both sides."""
    old, new = (re.findall(r"\w+|\s+|[^\w\s]+", text) for text in (plain, changed))
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    before, after = "".join(old[:start]).rpartition("\n")[2], "".join(old[len(old) - end :]).partition("\n")[0]
    was, becomes = "".join(old[start : len(old) - end]), "".join(new[start : len(new) - end])
    return " ".join(f"{before[-AROUND:]}[{was} => {becomes}]{after[:AROUND]}".split())


def _common(one: list[str], other: list[str]) -> int:
    """How many words they begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _sites(node: ast.AST, where: str, lines: range | None) -> Iterator[tuple[list[Edit], str, range | None]]:
    """Every edit below `node`, with the function it is in and the lines that must be run to notice it."""
    for field, value in ast.iter_fields(node):
        if field in _NAMES_OF_TYPES:
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or _is_left(child):
                continue
            inside, span = where, lines
            if isinstance(child, ast.stmt) and where:
                span = None if isinstance(node, ast.ClassDef) else _header(child)
            if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
                inside, span = f"{where}.{child.name}".lstrip("."), None
            if isinstance(node, ast.FunctionDef) and field in ("args", "decorator_list"):
                span = None
            yield from ((edits, inside, span) for edits in [*_of(child), *_without(node, field, value, child)])
            yield from _sites(child, inside, span)


def _is_left(node: ast.AST) -> bool:
    """A message made of values, an import, a docstring, or the name of a type."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    names_type = isinstance(node, ast.Assign) and any(isinstance(one, ast.Name) and one.id == "type" for one in ast.walk(node))
    return names_type or isinstance(node, (ast.JoinedStr, ast.Import, ast.ImportFrom))


def _header(statement: ast.stmt) -> range:
    body = getattr(statement, "body", None)
    end = max(statement.lineno, body[0].lineno - 1) if body else statement.end_lineno or statement.lineno
    return range(statement.lineno, end + 1)


def _without(parent: ast.AST, field: str, value: Any, child: ast.AST) -> Iterator[list[Edit]]:
    """The parent without this child: a statement, a clause of a query, an argument, a decorator."""

    def instead(*new: ast.AST) -> list[Edit]:
        if not isinstance(value, list):
            return [(parent, field, new[0])]
        at = next(number for number, one in enumerate(value) if one is child)
        return [(parent, field, [*value[:at], *new, *value[at + 1 :]])]

    if isinstance(child, (ast.Raise, ast.AugAssign)) or (
        isinstance(child, ast.Expr) and isinstance(child.value, (ast.Call, ast.Yield))
    ):
        yield instead(ast.Pass())
    if isinstance(child, ast.Call) and isinstance(child.func, ast.Attribute) and child.func.attr in _CLAUSES:
        yield instead(child.func.value)
    if field in ("decorator_list", "keywords"):
        yield instead()
    if field == "args" and isinstance(parent, ast.Call):
        called = getattr(parent.func, "attr", getattr(parent.func, "id", ""))
        if called in _GROUPS and len(parent.args) > 1:
            yield instead()


def _of(node: ast.AST) -> Iterator[list[Edit]]:
    """Mistakes in the node itself."""
    match node:
        case ast.Compare(ops=[op]):
            for other in _COMPARE[type(op)]:
                yield [(node, "ops", [other()])]
        case ast.BoolOp(op=op):
            yield [(node, "op", ast.Or() if isinstance(op, ast.And) else ast.And())]
        case ast.BinOp(op=op) if type(op) in _BINARY:
            yield [(node, "op", _BINARY[type(op)]())]
        case ast.UnaryOp(operand=operand, op=op):
            yield [(node, "operand", ast.UnaryOp(op, operand))]
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test) if not isinstance(test, (ast.Compare, ast.UnaryOp)):
            yield [(node, "test", ast.UnaryOp(ast.Not(), test))]
        case ast.comprehension(ifs=[test]):
            yield [(node, "ifs", [ast.UnaryOp(ast.Not(), test)])]
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield [(node, "value", ast.Constant(None))]
        case ast.ExceptHandler():
            yield [(node, "body", [ast.Raise()])]
        case ast.Dict(keys=keys, values=values):
            for at in range(len(keys)):
                yield [(node, "keys", keys[:at] + keys[at + 1 :]), (node, "values", values[:at] + values[at + 1 :])]
        case ast.Constant(value=bool() as value):
            yield [(node, "value", not value)]
        case ast.Constant(value=int() | float() as value):
            yield [(node, "value", value + 1)]
        case ast.Constant(value=str() as value):
            yield [(node, "value", f"XX{value}")]
        case ast.keyword(value=ast.Constant(value=None)):
            yield [(node, "value", ast.Constant("XX"))]
