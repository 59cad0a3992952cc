"""Lines that say the same for every event: no name in them, or a name compared with itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from automations.checks import Rule
from automations.checks._lines import Line, steps, top
from automations.tokens import KEYWORDS, tokens
from config.problems import Problem, problem

_ITSELF = re.compile(r"\s*([A-Za-z_][\w.]*)\s*(==|!=|<=|>=|<|>)\s*\1\s*\Z")


def check(rule: Rule) -> Iterator[Problem]:
    for line in [*top(rule), *(line for step in steps(rule) for line in step.lines)]:
        if (what := _what(line)) is not None:
            message = f"{what}, so this line says the same for every event; take it out or mend it"
            yield problem(line.node.mark, "TB163", message, severity="warning")


def _what(line: Line) -> str | None:
    text = line.node.value
    if (same := _ITSELF.match(text)) is not None:
        return f"{same[1]} is compared with itself"
    if not any(token.kind == "name" and token.text not in KEYWORDS for token in tokens(text)):
        return "there is no name in it"
    return None
