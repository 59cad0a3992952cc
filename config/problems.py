"""What is wrong in a file a person wrote: all of it at once, each with line, column and mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from config.errors import ConfigError

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Mark:
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int


@dataclass(frozen=True)
class Problem:
    """One finding. `code` is `TB` and three digits; `suggestion` is what to write instead, or None."""

    file: str
    line: int
    column: int
    code: str
    severity: Severity
    message: str
    suggestion: str | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def sentence(self) -> str:
        """`file:line:column severity code: message`, on one line."""
        return f"{self.file}:{self.line}:{self.column} {self.severity} {self.code}: {self.message}"

    def drawn(self, source: str) -> str:
        """The sentence, then the offending line with a caret under the column."""
        lines = source.splitlines()
        if not 1 <= self.line <= len(lines):
            return self.sentence()
        line = lines[self.line - 1][:200]
        caret = " " * min(self.column - 1, len(line)) + "^"
        return f"{self.sentence()}\n    {line}\n    {caret}"


def problem(mark: Mark, code: str, message: str, *, suggestion: str | None = None, severity: Severity = "error") -> Problem:
    return Problem(mark.file, mark.line, mark.column, code, severity, message, suggestion)


class Problems(ConfigError):
    """Raised when a file cannot be used; `.found` holds every Problem, `.source` the text, in file order."""

    def __init__(self, found: Iterable[Problem], source: str = ""):
        self.found = sorted(found, key=lambda p: (p.file, p.line, p.column, p.code))
        self.source = source
        super().__init__("\n".join(p.sentence() for p in self.found))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that a person most likely meant, or None.

    >>> nearest("stauts", ["status", "state"])
    'status'
    """
    by_lower = {k.lower(): k for k in sorted(known)}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean "status"?` or an empty string, to end a sentence with."""
    guess = nearest(word, known)
    return f'; did you mean "{guess}"?' if guess else ""
