"""The words of a CEL expression, with their places. Only as much of CEL's grammar as finding names needs.

Source: the lexical part of the CEL specification (google/cel-spec, doc/langdef.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*)
  | (?P<string>[rRbB]{0,2}(?:'''.*?(?:(?<!\\)'''|\Z)|\"\"\".*?(?:(?<!\\)\"\"\"|\Z)))
  | (?P<raw>(?:[rR][bB]?|[bB][rR])(?:'[^'\n]*(?:'|\Z|(?=\n))|"[^"\n]*(?:"|\Z|(?=\n))))
  | (?P<quoted>[bB]?(?:'(?:\\.|[^'\\\n])*(?:'|\Z|(?=\n)|\\\Z)|"(?:\\.|[^"\\\n])*(?:"|\Z|(?=\n)|\\\Z)))
  | (?P<number>0[xX][0-9a-fA-F]+[uU]?|(?:[0-9]+\.[0-9]+|\.[0-9]+|[0-9]+)(?:[eE][-+]?[0-9]+)?[uU]?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<sign>&&|\|\||==|!=|<=|>=|.)
    """,
    re.VERBOSE | re.DOTALL,
)

# A name that is one of these cannot be an id: CEL reads it as its own word.
KEYWORDS = frozenset(
    [
        "true",
        "false",
        "null",
        "in",
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    ]
)
COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})


@dataclass(frozen=True)
class Token:
    """`kind` is name, number, string or sign; `start` and `end` count characters from 0."""

    kind: Literal["name", "number", "string", "sign"]
    text: str
    start: int
    end: int


def tokens(text: str) -> list[Token]:
    """Every word in order. Total: what CEL would refuse becomes a sign of one character."""
    return list(_tokens(text))


@lru_cache(maxsize=1024)  # a text is looked at from many sides while its rule is loaded
def _tokens(text: str) -> tuple[Token, ...]:
    found = []
    for match in _TOKEN.finditer(text):
        group = match.lastgroup
        if group == "space":
            continue
        kind = "string" if group in ("string", "raw", "quoted") else group
        found.append(Token(kind, match.group(), match.start(), match.end()))  # type: ignore[arg-type]
    return tuple(found)


def closing(found: list[Token], opening: int) -> int:
    """The index of the bracket that closes the one at `opening`; the number of tokens when none does."""
    depth = 0
    for index in range(opening, len(found)):
        token = found[index]
        if token.kind != "sign":
            continue
        depth += token.text in "([{"
        depth -= token.text in ")]}"
        if depth == 0:
            return index
    return len(found)
