"""Write rows as an Excel workbook: numbers, dates and truth as such, every text as text and never as a formula.

Whole numbers of more than 15 digits are text, since Excel would round them. A sheet holds at most 1,048,575 rows under
its heading; a text is cut at 32,767 letters, Excel's limit.

```yaml
use: file.xlsx
with:
  path: exports/rfis.xlsx
  table: rfis
  order: [number]
  columns: [{name: number, heading: No.}, {name: title, heading: Title}, {name: due, heading: Due}]
```
"""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal

from automations import effects
from automations.actions._cells import text_of
from automations.actions._files import FIXED, OUTPUT, Filed, Rows, _all_of, _row, buffered, filed, policy, stands
from automations.context import Context
from automations.outcomes import Done
from automations.written import complain
from config.errors import Permanent
from connectors.drafts import Draft
from connectors.rooted import Begun

__all__ = ["FIXED", "OUTPUT", "policy"]
POLICY = "by_method"
MOST_ROWS, MOST_COLUMNS, MOST_SHEETS = 1_048_576, 16_384, 50
_EXACT = 10**15
_FIRST = date(1900, 3, 1)  # before it Excel counts a day that never was
_OPTIONS = {
    "constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
    "use_zip64": True,
}  # fmt: skip
_FORMATS = {"date": "yyyy-mm-dd", "time": "yyyy-mm-dd hh:mm:ss"}
_NO_XML = re.compile("[\ufffe\uffff\ud800-\udfff]")


class Params(Filed):
    mode: Literal["replace", "new"] = "replace"
    """`replace` writes the file anew, `new` refuses to overwrite"""
    sheets: dict[str, list[Any]] | None = None
    """several sheets, each a list of maps under its name; not together with `rows:` or `table:`"""
    sheet: str = "Sheet1"
    """the name of the one sheet"""

    def _check_source(self) -> None:
        if self.sheets is None:
            super()._check_source()
        elif self.table or "rows" in self.model_fields_set or self.columns:
            raise complain("TB133", "sheets: stands alone; take rows:, table: and columns: out")
        elif not 1 <= len(self.sheets) <= MOST_SHEETS:
            raise complain("TB133", f"sheets: has 1 to {MOST_SHEETS} names with a list each")


def run(params: Params, context: Context) -> Done:
    if params.sheets is None:
        return filed("file.xlsx", params, context, lambda rows, draft, begun: _book({params.sheet: rows}, draft, context))
    effects.refuse_hidden("file.xlsx", params.sheets)
    given = {name: [_row(one) for one in rows] for name, rows in params.sheets.items()}

    def whole(draft: Draft, begun: Begun | None) -> int:
        return _book({name: Rows(_all_of(rows), iter(rows)) for name, rows in given.items()}, draft, context)

    return stands("file.xlsx", params, context, params.mode, whole)


def _book(sheets: dict[str, Rows], draft: Draft, context: Context) -> int:
    import xlsxwriter
    from xlsxwriter.exceptions import FileCreateError

    with buffered(draft) as binary, tempfile.TemporaryDirectory(prefix="tieback-") as folder:
        book = xlsxwriter.Workbook(binary, {**_OPTIONS, "tmpdir": folder})
        # The same rows make the same bytes, whenever the step is done again.
        book.set_properties({"created": context.now.replace(tzinfo=None), "author": "Tieback"})
        formats = {name: book.add_format({"num_format": form}) for name, form in _FORMATS.items()}
        names: set[str] = set()
        try:
            count = sum(_sheet(book.add_worksheet(_name(name, names)), rows, formats) for name, rows in sheets.items())
            book.close()
        except FileCreateError as error:
            raise error.args[0] from None
        finally:
            for sheet in book.worksheets():
                sheet._opt_close()
        return count


def _name(written: str, taken: set[str]) -> str:
    """Excel takes 31 letters, none of `[]:*?/\\`, no quote at either end, and not the word History."""
    stem = re.sub(r"[\[\]:*?/\\\x00-\x1f]", "_", _NO_XML.sub("\ufffd", written)).strip("' ")[:31] or "Sheet"
    stem = "History_" if stem.lower() == "history" else stem
    name = next(n for n in (stem, *(f"{stem[:27]}~{k}" for k in range(2, 1000))) if n.lower() not in taken)
    taken.add(name.lower())
    return name


def _sheet(sheet: Any, rows: Rows, formats: dict[str, Any]) -> int:
    if len(rows.columns) > MOST_COLUMNS:
        raise Permanent(f"a sheet has at most {MOST_COLUMNS} columns, and these rows have {len(rows.columns)}.", kind="rows")
    count = _line(sheet, 0, [column.shown for column in rows.columns], formats)
    for count, row in enumerate(rows, 1):
        if count >= MOST_ROWS:
            raise Permanent(
                f"a sheet has at most {MOST_ROWS} rows. Use file.csv or file.parquet, or a narrower where:.", kind="rows"
            )
        _line(sheet, count, row, formats)
    return count


def _line(sheet: Any, number: int, row: Iterable[Any], formats: dict[str, Any]) -> int:
    for place, value in enumerate(row):
        writer, shown = _cell(sheet, value)
        if writer is not None:
            form = formats["time" if isinstance(shown, datetime) else "date"] if isinstance(shown, date) else None
            writer(number, place, shown, form)
    return 0


def _cell(sheet: Any, value: Any) -> tuple[Callable[..., Any] | None, Any]:
    """What writes this value, and the value as it takes it; None for an empty cell."""
    if isinstance(value, bool):
        return sheet.write_boolean, value
    if isinstance(value, int) and abs(value) < _EXACT:
        return sheet.write_number, value
    if isinstance(value, (float, Decimal)):
        number = float(value)
        return (sheet.write_number, number) if math.isfinite(number) and abs(number) < 1e300 else (None, None)
    if isinstance(value, datetime):
        value = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    day = value.date() if isinstance(value, datetime) else value
    if isinstance(day, date) and day >= _FIRST:
        return sheet.write_datetime, value
    text = _NO_XML.sub("\ufffd", text_of(value))
    return (sheet.write_string, text[:32_767]) if text else (None, None)
