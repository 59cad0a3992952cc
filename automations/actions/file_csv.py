"""Write rows as CSV (RFC 4180), safe to open in a spreadsheet: nothing in it is taken for a formula.

A text that begins with `=`, `+`, `-`, `@`, a tab or a line break gets a `'` before it, unless it is a plain number. What
holds a quote, a line break or any separator that programs guess at is quoted. Times are ISO 8601 UTC, null is empty,
lists and maps are JSON. `append` writes the heading only into a new file, and refuses one that has another.

```yaml
use: file.csv
with:
  path: "exports/open-rfis-${run.rule}.csv"
  table: rfis
  where: {status: open}
  order: [due]
  columns: {number: No., title: Title, due: Due}
```
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal

from automations.actions._cells import formula_safe, text_of
from automations.actions._files import FIXED, OUTPUT, Moded, Rows, as_text, filed, policy
from automations.context import Context
from automations.outcomes import Done
from config.errors import Permanent
from connectors.drafts import Draft
from connectors.rooted import Begun

__all__ = ["FIXED", "OUTPUT", "policy"]
POLICY = "by_method"
_QUOTED = re.compile(r'[",;|\t\r\n]|^ | $')


class Params(Moded):
    delimiter: Literal[",", ";", "|", "tab"] = ","
    """what stands between two cells"""
    header: bool = True
    """the headings as the first line"""
    encoding: Literal["utf-8", "utf-8-bom", "windows-1252"] = "utf-8"
    """`utf-8-bom` is what Excel knows as UTF-8"""


def run(params: Params, context: Context) -> Done:
    return filed("file.csv", params, context, lambda rows, draft, begun: _write(params, rows, draft, begun))


def _write(params: Params, rows: Rows, draft: Draft, begun: Begun | None) -> int:
    sign = "\t" if params.delimiter == "tab" else params.delimiter
    codec = "utf-8" if params.encoding == "utf-8-bom" else params.encoding
    heading = _line((column.shown for column in rows.columns), sign) if params.header and rows.columns else ""
    fresh = begun is None or not begun.size
    if not fresh and begun and heading:
        _same_heading(begun.head, heading, codec)
    count = 0
    with as_text(draft, codec) as text:
        if fresh:
            text.write(("\ufeff" if params.encoding == "utf-8-bom" else "") + heading)
        for row in rows:
            text.write(_line(row, sign))
            count += 1
    return count


def _line(cells: Iterable[Any], sign: str) -> str:
    return sign.join(map(_cell, cells)) + "\r\n"


def _cell(value: Any) -> str:
    text = text_of(value)
    if isinstance(value, str):
        text = formula_safe(text)
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def _same_heading(head: bytes, heading: str, codec: str) -> None:
    begins = head.decode(codec, "replace").lstrip("\ufeff")
    if not begins.startswith(heading):
        raise Permanent(
            f"the file begins with {begins.splitlines()[0][:100]!r} and these rows have the columns {heading.strip()[:100]!r}. "
            "Write columns: as in the file, or another path.",
            kind="columns",
        )
