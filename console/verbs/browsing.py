"""The tables that automations write: what there is, rows by any filter, and all of it as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from config.hiding import scrub
from config.problems import did_you_mean
from console.verbs.at_hand import AtHand, NotThere
from store import browsing
from store.session import reading

Dict = dict[str, Any]
MOST_EXPORTED = 100_000
# A spreadsheet takes what begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def listed(here: AtHand) -> list[Dict]:
    """Every table with its number of rows and when it was last written."""
    found = []
    with reading(here.engine) as db:
        for name in browsing.names(db):
            table = browsing.table(db, name)
            if table is None or (here.only is not None and "connector" not in table.c):
                continue
            found.append({"name": name, "rows": browsing.count(db, table, here.only), "columns": len(table.c),
                          "newest": browsing.newest(db, table, here.only)})  # fmt: skip
    return found


def rows(here: AtHand, name: str, limit: int, offset: int, **asked: Any) -> tuple[list[str], list[Dict]]:
    """Columns and rows. Raises: NotThere when there is no such table."""
    with reading(here.engine) as db:
        table = _table(here, db, name)
        return list(table.c.keys()), browsing.rows(db, table, here.only, limit, offset, **asked)


def exported(here: AtHand, name: str, **asked: Any) -> Iterator[str]:
    """The rows as CSV (RFC 4180), line by line. Raises: NotThere."""
    with reading(here.engine) as db:
        columns = list(_table(here, db, name).c.keys())
    return _lines(here, name, columns, asked)


def _lines(here: AtHand, name: str, columns: list[str], asked: Mapping[str, Any]) -> Iterator[str]:
    yield _line(columns)
    with reading(here.engine, streams=True) as db:
        for row in browsing.stream(db, _table(here, db, name), here.only, MOST_EXPORTED, **asked):
            yield _line([cell(row[column]) for column in columns])


def _line(cells: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def cell(value: Any) -> str:
    """A value as a spreadsheet may have it: what would be a formula is text."""
    if value is None:
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    text = scrub(value if isinstance(value, str) else _text(value))
    return f"'{text}" if text.startswith(_FORMULA) else text


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value)


def _table(here: AtHand, db: Any, name: str) -> Any:
    table = browsing.table(db, name)
    if table is None or (here.only is not None and "connector" not in table.c):
        raise NotThere(f'there is no table "{name[:80]}"{did_you_mean(name, browsing.names(db)) or "."}')
    return table
