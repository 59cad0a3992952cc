"""`if:` lines: each on its own, so that each can be explained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from automations.expressions import Expression
from automations.outcomes import Line
from automations.values import shown
from config.errors import Permanent


def judge(lines: Iterable[tuple[int, Expression]], scope: Mapping[str, Any]) -> list[Line]:
    """Every line up to and with the first that does not hold."""
    judged: list[Line] = []
    for index, expression in lines:
        judged.append(_judge(index, expression, scope))
        if not judged[-1].held:
            break
    return judged


def _judge(index: int, expression: Expression, scope: Mapping[str, Any]) -> Line:
    seen = expression.seen(scope)
    try:
        value = expression.evaluate(scope)
    except Permanent as error:
        return Line(index, expression.source, None, seen, str(error))
    if not isinstance(value, bool):
        return Line(
            index, expression.source, None, seen, f"`{expression.source.strip()}` gives {shown(value)}, not true or false."
        )
    return Line(index, expression.source, value, seen)


def reason(line: Line, what: str = "if") -> str:
    """`if[0] is false: record.status = "open"`; `what` names the list that the line is of."""
    values = ", ".join(f"{path} = {shown(value)}" for path, value in line.seen.items())
    return f"{what}[{line.index}] is false: {values or ' '.join(line.text.split())}"
