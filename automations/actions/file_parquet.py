"""Write rows as Parquet, for warehouses and notebooks.

The kind of a column is that of its first 4,000 values: truth, whole and decimal numbers, dates, times, text; lists and
maps are JSON text. A later value that is of another kind is an error; write `type:` then.

```yaml
use: file.parquet
with:
  path: warehouse/rfis.parquet
  table: rfis
  columns: [id, number, {name: due, type: date}]
```
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from automations.actions._cells import text_of
from automations.actions._files import FIXED, OUTPUT, Column, Filed, Rows, as_columns, buffered, filed, policy
from automations.context import Context
from automations.outcomes import Done
from config.errors import Permanent
from connectors.drafts import Draft

__all__ = ["FIXED", "OUTPUT", "policy"]
POLICY = "by_method"
AT_ONCE = 4_000
LACKING = "file.parquet needs pyarrow, which is not installed here. Run: pip install 'tieback[parquet]'"
Type = Literal["text", "int", "double", "bool", "date", "timestamp"]


class Typed(Column):
    """A column of one kind; without `type` it is that of its values."""

    type: Type | None = None


Columns = Annotated[list[Typed], BeforeValidator(as_columns, json_schema_input_type=list[str | Typed])]


class Params(Filed):
    columns: Columns = []  # type: ignore[assignment]
    """columns in their order, by name or by `{name, heading, type}`; `type` is text, int, double, bool, date or timestamp"""
    mode: Literal["replace", "new"] = "replace"
    """`replace` writes the file anew, `new` refuses to overwrite"""


def lacking() -> str | None:
    """The sentence for whoever checks a rule where this cannot run."""
    return None if importlib.util.find_spec("pyarrow") else LACKING


def run(params: Params, context: Context) -> Done:
    if why := lacking():
        raise Permanent(why, kind="missing")
    return filed("file.parquet", params, context, lambda rows, draft, begun: _write(rows, draft))


def _write(rows: Rows, draft: Draft) -> int:
    import pyarrow
    from pyarrow import parquet

    lines = iter(rows)
    batch = list(islice(lines, AT_ONCE))
    kinds = [_kind(column, [row[place] for row in batch]) for place, column in enumerate(rows.columns)]
    types = {
        "text": pyarrow.string(), "int": pyarrow.int64(), "double": pyarrow.float64(), "bool": pyarrow.bool_(),
        "date": pyarrow.date32(), "timestamp": pyarrow.timestamp("us", tz="UTC"),
    }  # fmt: skip
    names = [column.shown for column in rows.columns]
    schema = pyarrow.schema([(name, types[kind]) for name, kind in zip(names, kinds, strict=True)])
    count = 0
    with buffered(draft) as binary, closing(parquet.ParquetWriter(binary, schema, compression="zstd")) as file:
        while batch:
            columns = [
                pyarrow.array([_fit(column, kind, row[place], count + n) for n, row in enumerate(batch, 1)], types[kind])
                for place, (column, kind) in enumerate(zip(rows.columns, kinds, strict=True))
            ]
            file.write_table(pyarrow.table(columns, schema=schema))
            count += len(batch)
            batch = list(islice(lines, AT_ONCE))
    return count


def _kind(column: Column, values: list[Any]) -> Type:
    """The kind of all these values: whole numbers go into decimal ones, dates into times, all else into text."""
    if isinstance(column, Typed) and column.type:
        return column.type
    seen = {_of(value) for value in values} - {None}
    if len(seen) == 1:
        return next(kind for kind in seen if kind)
    if seen and seen <= {"int", "double"}:
        return "double"
    return "timestamp" if seen and seen <= {"date", "timestamp"} else "text"


def _of(value: Any) -> Type | None:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if -(2**63) <= value < 2**63 else "text"
    if isinstance(value, float):
        return "double"
    if isinstance(value, datetime):
        return "timestamp"
    return "date" if isinstance(value, date) else "text"


def _fit(column: Column, kind: Type, value: Any, row: int) -> Any:
    if value is None or (isinstance(value, (float, Decimal)) and not math.isfinite(value)):
        return None
    if kind == "text":
        return text_of(value)
    try:
        return _FITTING[kind](value)
    except (ValueError, TypeError, OverflowError, ArithmeticError):
        raise Permanent(
            f"row {row}: {column.shown} is {text_of(value)[:60]!r}, and the column holds {kind}. "
            f"Write columns: [{{name: {column.name}, type: text}}, …], or mend the value.",
            kind="value",
        ) from None


def _int(value: Any) -> int:
    number = int(value)
    if isinstance(value, bool) or (not isinstance(value, str) and number != value) or not -(2**63) <= number < 2**63:
        raise ValueError
    return number


def _double(value: Any) -> float | None:
    if isinstance(value, bool):
        raise ValueError
    number = float(value)
    return number if math.isfinite(number) else None


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _date(value: Any) -> date:
    if isinstance(value, datetime):
        return value.astimezone(UTC).date()
    return value if isinstance(value, date) else date.fromisoformat(value)


def _moment(value: Any) -> datetime:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


_FITTING: Mapping[str, Callable[[Any], Any]] = {
    "int": _int, "double": _double, "bool": _bool, "date": _date, "timestamp": _moment,
}  # fmt: skip
