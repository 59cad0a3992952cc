"""Write rows as text of fixed width, as payroll and bank programs read it.

A value that is longer than its column is an error, never cut; line breaks inside a value become spaces. Numbers get
`decimals:`, exactly and rounded half up; `implied: true` leaves the point out (12.50 becomes 1250).

```yaml
use: file.fixed
with:
  path: payroll/week-12.txt
  rows: ["${{'badge': record.number, 'hours': '7.5', 'name': record.title}}"]
  columns:
    - {name: badge, width: 8, align: right, pad: "0"}
    - {name: hours, width: 6, align: right, pad: "0", decimals: 2, implied: true}
    - {name: name, width: 30}
```
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Annotated, Any, Literal

from pydantic import Field

from automations.actions._cells import text_of
from automations.actions._files import FIXED, OUTPUT, Column, Moded, Rows, as_text, filed, policy
from automations.context import Context
from automations.outcomes import Done
from config.errors import Permanent
from connectors.drafts import Draft

__all__ = ["FIXED", "OUTPUT", "policy"]
POLICY = "by_method"
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Wide(Column):
    """A column of fixed width; `width` counts letters."""

    width: Annotated[int, Field(ge=1, le=10_000)]
    align: Literal["left", "right"] = "left"
    pad: Annotated[str, Field(min_length=1, max_length=1)] = " "
    decimals: Annotated[int, Field(ge=0, le=9)] | None = None
    implied: bool = False


class Params(Moded):
    columns: Annotated[list[Wide], Field(min_length=1)]  # type: ignore[assignment]
    """`{name, width, align, pad, decimals, implied}` each; a name may lead into maps"""
    encoding: Literal["utf-8", "windows-1252", "ascii"] = "utf-8"
    """letters that it lacks become `?`"""
    line_end: Literal["crlf", "lf"] = "crlf"
    """what ends a line"""


def run(params: Params, context: Context) -> Done:
    return filed("file.fixed", params, context, lambda rows, draft, begun: _write(params, rows, draft))


def _write(params: Params, rows: Rows, draft: Draft) -> int:
    end = "\r\n" if params.line_end == "crlf" else "\n"
    count = 0
    with as_text(draft, params.encoding) as text:
        for row in rows:
            count += 1
            text.write("".join(_cell(*pair, count) for pair in zip(params.columns, row, strict=True)) + end)
    return count


def _cell(column: Wide, value: Any, line: int) -> str:
    text = _CONTROLS.sub(" ", text_of(value) if column.decimals is None else _number(column, value, line))
    if len(text) > column.width:
        raise Permanent(
            f"row {line}: {column.shown} is {text[:60]!r}, which is {len(text)} letters, and the column has {column.width}. "
            "Make the column wider, or the value shorter.",
            kind="width",
        )
    sign, digits = ("-", text[1:]) if column.pad == "0" and text.startswith("-") and column.align == "right" else ("", text)
    width = column.width - len(sign)
    return sign + (digits.rjust(width, column.pad) if column.align == "right" else digits.ljust(width, column.pad))


def _number(column: Wide, value: Any, line: int) -> str:
    text, places = text_of(value), column.decimals or 0
    if not text:
        return ""
    try:
        number = Decimal(text).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise Permanent(f"row {line}: {column.shown} is {text[:60]!r}, which is no number.", kind="value")
    return format(number.scaleb(places), ".0f") if column.implied else format(number, "f")
