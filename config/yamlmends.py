"""What a YAML library says of a slip, in the words of a person: where it really stands, and what to write.

The library points at the place where it could not go on. What went wrong stands before it: a quote that was never closed,
a colon without its space, a value that begins with a sign of YAML's own.
"""

from __future__ import annotations

import re
from typing import Any

from config.problems import Mark, Problem, problem

_INVISIBLE = {
    "\u00a0": "a no-break space", "\u200b": "a zero-width space", "\u2007": "a figure space", "\u202f": "a narrow no-break space",
    "\ufeff": "a byte order mark", "\u2028": "a line separator", "\u3000": "a wide space",
}  # fmt: skip
_OWN_SIGNS = frozenset("%@`*&!|>?#,]}")
_QUOTED = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:''|[^'])*'")
_NO_SPACE = re.compile(r"^(\s*(?:- )?[\w.-]+):(?=[^\s:/])")


def not_yaml(error: Any, text: str, name: str) -> Problem:
    """One problem, at the place where the author must change something."""
    lines = text.splitlines() or [""]
    line, column, said = _placed(error, lines)
    return problem(Mark(name, line, column), "TB101", f"not valid YAML: {said}")


def invisible(text: str) -> str | None:
    """The name of the first sign that nobody can see, None when there is none."""
    return next((name for sign, name in _INVISIBLE.items() if sign in text), None)


def _placed(error: Any, lines: list[str]) -> tuple[int, int, str]:
    what, context = (error.problem or "").strip(), (error.context or "").strip()
    at = error.problem_mark or error.context_mark
    line, column = (at.line + 1, at.column + 1) if at else (1, 1)
    before = error.context_mark
    here = lines[line - 1] if line <= len(lines) else ""
    if "document" in what and "single" in context:
        return line, column, "one file holds one document; remove the '---' in the middle"
    if found := _on_the_line(line, here):
        return found
    if before is not None and "quoted scalar" in context:
        quote = lines[before.line][before.column : before.column + 1]
        return before.line + 1, before.column + 1, f"this {quote} is never closed; close it, or take it out"
    if before is not None and "simple key" in context:
        return _on_the_line(before.line + 1, lines[before.line]) or _no_colon(before.line + 1, lines)
    if before is not None and "flow" in context:
        return _unclosed(before, lines) or (line, column, "a comma or a closing bracket is missing before this place")
    if found := _before(line, lines):
        return found
    return line, column, _said(what, here, column)


def _on_the_line(line: int, here: str) -> tuple[int, int, str] | None:
    """Slips that a line shows by itself."""
    bare = _QUOTED.sub(lambda m: " " * len(m[0]), here)
    if (tab := re.match(r" *\t", here)) is not None:
        return line, tab.end(), "indent with spaces, not tabs"
    for sign, called in _INVISIBLE.items():
        if sign in bare:
            return line, bare.index(sign) + 1, f"{called} stands here; delete it, and type a plain space if one is needed"
    for sign in ("${", "{{"):
        if sign in bare:
            return line, bare.index(sign) + 1, f'{sign}…}} must stand in quotes here; write "${{…}}"'
    return None


def _no_colon(line: int, lines: list[str]) -> tuple[int, int, str]:
    here = lines[line - 1] if line <= len(lines) else ""
    if (found := _NO_SPACE.match(here)) is not None:
        return line, found.end(), "a space is missing behind this colon"
    column = len(here) - len(here.lstrip()) + 1
    return line, column, "this line is no `key: value`; a colon is missing, or quotes around a longer text"


def _unclosed(opening: Any, lines: list[str]) -> tuple[int, int, str] | None:
    """A bracket that is not closed on the lines that it can be on."""
    here = lines[opening.line] if opening.line < len(lines) else ""
    bracket = here[opening.column : opening.column + 1]
    close = {"{": "}", "[": "]"}.get(bracket)
    rest = _QUOTED.sub("", here[opening.column :])
    if close is None or rest.count(bracket) <= rest.count(close):
        return None
    return opening.line + 1, opening.column + 1, f'this "{bracket}" has no closing "{close}"'


def _before(line: int, lines: list[str]) -> tuple[int, int, str] | None:
    """A colon without its space makes the line after it the one that cannot be read."""
    above = lines[line - 2] if 2 <= line <= len(lines) + 1 else ""
    found = _NO_SPACE.match(above)
    return (line - 1, found.end(), "a space is missing behind this colon") if found else None


def _said(what: str, here: str, column: int) -> str:
    sign = here[column - 1 : column]
    value = re.match(r"\s*(?:- )?(?:[\w.-]+:\s+)?(.*)", here)
    begins = value[1][:1] if value else ""
    if begins in _OWN_SIGNS or "cannot start any token" in what:
        return f'a value cannot begin with {begins or sign}; put quotes around it: "{(value[1] if value else "")[:40]}"'
    if "mapping values are not allowed" in what:
        return _colon_inside(here, column)
    if begins in ("'", '"'):
        return f"the text goes on behind its closing {begins}; put the other kind of quote around the whole value"
    if "expected '-' indicator" in what or "expected <block end>" in what or "expected key" in what:
        return (
            "this line is indented neither like the ones above nor deeper; line it up, and begin every entry of a list with '- '"
        )
    return f"{what}; check this line and the one above for quotes, colons and indentation"


def _colon_inside(here: str, column: int) -> str:
    """Two colons: a text with ': ' in it, or a line that was pushed in by a space."""
    key = re.match(r"\s*(?:- )?([\w.-]+): +(\S.*)", here[: column - 1] + here[column - 1 :])
    if key is not None and column > key.start(2):
        return f'the text holds ": "; put quotes around it: "{key[2][:60]}"'
    return "this line is indented too far, or the line above lacks its value; line it up"
