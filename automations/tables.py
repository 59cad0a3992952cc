"""Lookup tables: `lookups/consultants.csv` is `lookup.consultants`, a list of rows whose columns a check knows.

In CSV every value is text. YAML (a list of mappings) keeps numbers and truth values, but ids are text there too,
as everywhere in expressions.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automations import calendars
from automations.calendars import Calendar
from automations.fields import TEXT, Field, a_list, a_map, of_values
from automations.tokens import KEYWORDS
from automations.values import plain
from config import yamlfile
from config.errors import ConfigError
from config.problems import Mark, Problem, Problems, problem
from config.yamlfile import Node

MAX_ROWS = 5000
MAX_COLUMNS = 64
MAX_BYTES = 1024 * 1024
MAX_CELL = 4000
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
_COLUMN = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}\Z")


@dataclass(frozen=True)
class Table:
    """`rows` are as expressions see them; `item` is what is known of a row. `text` is what it was read from."""

    name: str
    rows: list[dict[str, Any]]
    item: Field
    text: str = ""

    @property
    def field(self) -> Field:
        return a_list(self.item)


def scope_of(tables: Mapping[str, Table]) -> Field:
    """What `lookup` is in the scope of a check; `values_of` is what it is in a run."""
    return a_map("lookup", **{name: table.field for name, table in tables.items()})


def values_of(tables: Mapping[str, Table]) -> dict[str, list[dict[str, Any]]]:
    return {name: table.rows for name, table in tables.items()}


def calendars_scope(known: Iterable[str]) -> Field:
    """What `calendars` is in the scope of a check: rules name them only inside `business_days(…)`."""
    return a_map("calendars", **dict.fromkeys(known, TEXT))


def calendars_values(known: Mapping[str, Calendar]) -> dict[str, str]:
    return {name: calendar.text() for name, calendar in known.items()}


def lookups_in(folder: Path, shown: str = "lookups") -> tuple[dict[str, Table], list[Problem]]:
    """Every table of a site's folder by name, and what is wrong with the others."""
    return _all(folder, shown, (".csv", ".yaml", ".yml"), table)


def calendars_in(folder: Path, shown: str = "calendars") -> tuple[dict[str, Calendar], list[Problem]]:
    """Every calendar of a site's folder by name, and what is wrong with the others."""
    return _all(folder, shown, (".yaml", ".yml"), lambda text, file: calendars.parse(text, file))


def _all(folder: Path, shown: str, endings: tuple[str, ...], read: Any) -> tuple[dict[str, Any], list[Problem]]:
    good: dict[str, Any] = {}
    found: list[Problem] = []
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    for path in paths:
        if path.suffix.lower() not in endings or path.name.startswith("."):
            continue
        file = f"{shown}/{path.name}"
        try:
            good[_name_of(file, good)] = read(yamlfile.text(path, file), file)
        except Problems as problems:
            found += problems.found
        except ConfigError as error:
            found.append(problem(Mark(file, 1, 1), "TB116", str(error).removeprefix(f"{file}: ")))
    return good, found


def _name_of(file: str, taken: Iterable[str] = ()) -> str:
    name = Path(file).stem
    if not _NAME.match(name) or name in KEYWORDS:
        message = f'"{name}" is no name for expressions; call the file with lower-case letters, digits and _, first a letter'
        raise Problems([problem(Mark(file, 1, 1), "TB108", message)])
    if name in taken:
        raise Problems([problem(Mark(file, 1, 1), "TB110", f'there is another file for "{name}"; keep one')])
    return name


def table(text: str, file: str) -> Table:
    """A lookup table from its text; the ending of `file` says which form it has.

    Raises: Problems with every row that is wrong.
    """
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise Problems([problem(Mark(file, 1, 1), "TB103", f"the table is larger than {MAX_BYTES // 1024} KiB; split it")], text)
    name = _name_of(file)
    rows = _csv(text, file) if file.lower().endswith(".csv") else _yaml(text, file)
    called = f"lookup.{name}"
    known = of_values(rows)
    item = Field("map", fields=(known.fields if known else None), called=called)
    return Table(name, [plain(row, item) for row in rows], item, text)


def _csv(text: str, file: str) -> list[dict[str, str]]:
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        header = [name.strip() for name in next(lines, [])]
        found = list(_wrong_header(header, file))
        rows = [] if found else list(_rows(lines, header, file, found))
    except csv.Error as error:
        found = [problem(Mark(file, lines.line_num, 1), "TB101", f"not valid CSV: {error}; check the quotes of this line")]
    if found:
        raise Problems(found, text)
    return rows


def _delimiter(text: str) -> str:
    """Spreadsheets of many countries write semicolons, some write tabs."""
    header = text.split("\n", 1)[0]
    return next((sign for sign in (",", ";", "\t") if sign in header), ",")


def _rows(lines: Any, header: list[str], file: str, found: list[Problem]) -> Iterator[dict[str, str]]:
    count = 0
    for cells in lines:
        if not cells:
            continue
        count += 1
        at = Mark(file, lines.line_num, 1)
        if len(cells) != len(header):
            mend = "quote a value that holds the sign between columns" if len(cells) > len(header) else "fill it up"
            found.append(problem(at, "TB106", f"this line has {len(cells)} values and the first has {len(header)}; {mend}"))
        if any(len(cell) > MAX_CELL for cell in cells):
            found.append(problem(at, "TB103", f"a value is longer than {MAX_CELL} characters; shorten it"))
        if count > MAX_ROWS:
            found.append(
                problem(at, "TB103", f"more than {MAX_ROWS} rows; split the table, or keep it in the database (db.query)")
            )
            return
        yield dict(zip(header, cells, strict=False))


def _wrong_header(header: list[str], file: str) -> Iterator[Problem]:
    if not header:
        yield problem(Mark(file, 1, 1), "TB105", "the table is empty; write the names of its columns into the first line")
    if len(header) > MAX_COLUMNS:
        yield problem(Mark(file, 1, 1), "TB103", f"more than {MAX_COLUMNS} columns; take out what no rule reads")
    for index, name in enumerate(header):
        if not _fits(name):
            yield problem(Mark(file, 1, 1), "TB108", f'"{name}" is no column name; {_spelling(name)}', suggestion=_spelt(name))
        elif name in header[:index]:
            yield problem(Mark(file, 1, 1), "TB102", f'the column "{name}" is there twice; keep one')


def _fits(name: str) -> bool:
    return _COLUMN.match(name) is not None and name not in KEYWORDS


def _spelt(name: str) -> str:
    """`Trade Name` is `trade_name`."""
    word = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return word if _fits(word) else f"column_{word}".rstrip("_")


def _spelling(name: str) -> str:
    return f'write "{_spelt(name)}" (letters, digits and _, first a letter)'


def _yaml(text: str, file: str) -> list[dict[str, Any]]:
    node = yamlfile.parse(text, file)
    if not isinstance(node.value, list):
        message = "a lookup table is a list of rows; begin each with a dash: - {name: value}"
        raise Problems([problem(node.mark, "TB106", message)], text)
    found = [one for row in node.value for one in _wrong_row(row)]
    if found:
        raise Problems(found, text)
    return [row.unmarked() for row in node.value]


def _wrong_row(row: Node) -> Iterator[Problem]:
    if not isinstance(row.value, dict):
        yield problem(row.mark, "TB106", "a row is a mapping of column to value; write - {name: value}")
        return
    for name, mark in row.keys.items():
        if not _fits(name):
            yield problem(mark, "TB108", f'"{name}" is no column name; {_spelling(name)}', suggestion=_spelt(name))
