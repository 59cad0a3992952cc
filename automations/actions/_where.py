"""Which rows of a table an action means: comparisons and order as data, which nothing ever reads as SQL.

```yaml
where:
  status: open                       # equals
  due: {lt: "${run.today}", not: null}
  manager: [Ana Ruiz, Pat Lee]       # one of
order: [due, number desc]
```
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, get_args

from pydantic import BeforeValidator

from automations.actions._shapes import column
from automations.context import Context
from automations.journal import RowQuery, Sign
from automations.written import complain
from config.problems import did_you_mean

SIGNS: tuple[str, ...] = get_args(Sign)
Comparison = tuple[str, Sign, Any]


def _where(value: Any) -> Any:
    """A map, or a list of maps; all of it must hold. Raises: PydanticCustomError TB133, TB134."""
    if value is None or (isinstance(value, tuple) and all(isinstance(one, tuple) for one in value)):
        return value or ()
    maps = value if isinstance(value, list) else [value]
    if not all(isinstance(one, Mapping) for one in maps):
        raise complain("TB133", "where: is a map of columns, such as {status: open, due: {lt: 2026-12-31}}")
    return tuple(found for one in maps for name, wanted in one.items() for found in _of_column(column(name), wanted))


def _of_column(name: str, wanted: Any) -> list[tuple[str, str, Any]]:
    if isinstance(wanted, list):
        return [(name, "in", wanted)]
    if not isinstance(wanted, Mapping):
        return [(name, "is", wanted)]
    for sign in wanted:
        if sign not in SIGNS:
            mend = did_you_mean(str(sign), SIGNS) or f"; there are {', '.join(SIGNS)}"
            raise complain("TB133", f'"{str(sign)[:40]}" is no comparison{mend}')
    if not wanted:
        raise complain("TB133", f"{name}: says nothing to compare with; write {name}: {{is: …}} or take it out")
    return [(name, sign, value) for sign, value in wanted.items()]


def _order(value: Any) -> Any:
    """`due` or `due desc`. Raises: PydanticCustomError TB133."""
    if isinstance(value, tuple):
        return value
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list):
        raise complain("TB133", "order: is a list of columns, such as [due, number desc]")
    return tuple(_by(item) for item in items)


def _by(item: Any) -> tuple[str, bool]:
    match = re.fullmatch(r"([a-z][a-z0-9_]{0,62})(?: +(asc|desc))?", item) if isinstance(item, str) else None
    if match is None:
        raise complain("TB133", f'"{str(item)[:80]}" is no order; write a column, or a column and desc')
    return match[1], match[2] == "desc"


def sql_name(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(r"sql:[a-z0-9][a-z0-9_-]*", value):
        raise complain("TB136", f'"{value}" is no database; write sql:<name>, the name of a file in destinations/')
    return value


Where = Annotated[Any, BeforeValidator(_where, json_schema_input_type=dict[str, Any] | list[dict[str, Any]])]
Order = Annotated[Any, BeforeValidator(_order, json_schema_input_type=str | list[str])]
ToSql = Annotated[str, BeforeValidator(sql_name)]


def query(
    context: Context, table: str, where: tuple[Comparison, ...], order: tuple[tuple[str, bool], ...] = (), *,
    limit: int | None = None, columns: tuple[str, ...] = (), deleted: bool = False, to: str | None = None,
) -> RowQuery:  # fmt: skip
    """What a step means by its parameters. Rows of other connectors are not the event's business unless they are named."""
    return RowQuery(table, where, order, limit, columns, deleted, context.event.connector, database(to))


def database(to: str | None) -> str:
    return (to or "").removeprefix("sql:")
