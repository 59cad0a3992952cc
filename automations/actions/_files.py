"""What the actions that write files share: where the rows come from, which columns, and how a file comes to stand.

Rows are a list at hand, or a table of any size, read in constant memory at one moment. The file is written beside its
place and renamed, so a reader sees the old one or the new one; `append` and `new` happen once per run, step and item.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any, BinaryIO, Literal, TextIO

from pydantic import BeforeValidator, Field, model_validator

from automations import effects
from automations.actions._shapes import Table
from automations.actions._where import Order, ToSql, Where, query
from automations.context import Context
from automations.effects import summary
from automations.fields import INT, TEXT, a_map
from automations.journal import Policy
from automations.outcomes import Done
from automations.values import MISSING, lookup
from automations.written import Strict, complain
from config.errors import Permanent
from connectors.drafts import Draft
from connectors.names import parts
from connectors.rooted import Begun, Rooted, Written

FIXED = ("table", "to", "from", "mode")
OUTPUT = a_map(None, path=TEXT, rows=INT, bytes=INT, sha256=TEXT)
Mode = Literal["replace", "append", "new"]
Row = Mapping[str, Any]
Writes = Callable[[Draft, Begun | None], int]


def _below(value: Any) -> Any:
    if isinstance(value, str) and "${" not in value:
        try:
            parts(value)
        except Permanent as error:
            raise complain("TB133", str(error)) from None
    return value


def _destination(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(r"files:[a-z0-9][a-z0-9_-]*", value):
        raise complain("TB136", f'"{value}" is no folder; write files:<name>, the name of a file in destinations/')
    return value


FilePath = Annotated[str, BeforeValidator(_below)]
ToFiles = Annotated[str, BeforeValidator(_destination)]


class Column(Strict):
    """A column of a file, of a value of the rows: `name` may lead into maps, such as body.status.name."""

    name: str
    heading: str | None = None

    @property
    def shown(self) -> str:
        return self.name if self.heading is None else self.heading

    def of(self, row: Row) -> Any:
        if self.name in row:
            return row[self.name]
        found = lookup(row, self.name.split("."))
        return None if found is MISSING else found


def as_columns(value: Any) -> Any:
    """`[number, title]`, `[{name: number, heading: No.}]`, or `{number: No.}`."""
    if isinstance(value, Mapping):
        value = [{"name": name, "heading": heading} for name, heading in value.items()]
    return [{"name": one} if isinstance(one, str) else one for one in value] if isinstance(value, list) else value


Columns = Annotated[list[Column], BeforeValidator(as_columns, json_schema_input_type=list[str | Column] | dict[str, str])]


class Place(Strict):
    """Where a file goes."""

    path: FilePath
    """the file, below the files root or the folder of `to:`; signs that a disk does not take are replaced"""
    to: ToFiles | None = None
    """a folder with a quota of its own, `files:<name>`"""


class Filed(Place):
    """A file of rows."""

    rows: list[Any] | None = None
    """the rows, as a list of maps; or leave it out and write `table:`"""
    table: Table | None = None
    """a table whose rows are written, however many"""
    where: Where = ()
    """which rows of the table, as in db.query"""
    order: Order = ()
    """the order of the table's rows, as in db.query"""
    limit: Annotated[int, Field(ge=1)] | None = None
    """rows of the table at most"""
    deleted: bool = False
    """rows of the table that are marked deleted as well"""
    from_: Annotated[ToSql | None, Field(alias="from")] = None
    """the database of the table, `sql:<name>`; our own when left out"""
    columns: Columns = []
    """columns in their order, by name, by `{name, heading}`, or as a map of name to heading; a name may lead into maps"""

    @model_validator(mode="after")
    def _of_one_source(self) -> Filed:
        self._check_source()
        return self

    def _check_source(self) -> None:
        if (self.table is None) == ("rows" not in self.model_fields_set):
            raise complain("TB133", "rows: (a list) or table: says what is written; write one of them")
        if self.table is None and {"where", "order", "limit", "deleted", "from_"} & self.model_fields_set:
            raise complain("TB133", "where:, order:, limit:, deleted: and from: go with table:; take them out")


class Moded(Filed):
    mode: Mode = "replace"
    """`replace` writes the file anew, `append` adds to it, `new` refuses to overwrite"""


def policy(params: Any) -> Policy:
    """`replace` is idempotent; `append` and `new` have a natural key, that of the run's step and item."""
    return "idempotent" if params.mode == "replace" else "natural_key"


@dataclass(frozen=True)
class Rows:
    """Rows on their way, with the columns that they have or that were asked for."""

    columns: tuple[Column, ...]
    rows: Iterator[Row]

    def __iter__(self) -> Iterator[list[Any]]:
        return ([column.of(row) for column in self.columns] for row in self.rows)


@contextmanager
def rows_of(params: Filed, context: Context) -> Iterator[Rows]:
    """The rows from wherever they come. Raises: Permanent when one is no map."""
    if params.table is None:
        given = [_row(one) for one in params.rows or ()]
        yield Rows(tuple(params.columns) or _all_of(given), iter(given))
        return
    named = tuple(dict.fromkeys(column.name.partition(".")[0] for column in params.columns))
    asked = query(
        context, params.table, params.where, params.order, limit=params.limit, columns=named, deleted=params.deleted,
        to=params.from_,
    )  # fmt: skip
    with closing(context.journal.stream(asked)) as found:
        first = next(found, None)
        columns = tuple(params.columns) or _all_of([first] if first else [])
        yield Rows(columns, found if first is None else _with(first, found))


def _with(first: Row, rest: Iterable[Row]) -> Iterator[Row]:
    return chain([first], rest)


def _row(value: Any) -> Row:
    if not isinstance(value, Mapping):
        raise Permanent(
            f"rows: is a list of maps, and one is {str(value)[:60]!r}. Make maps of them: rows.map(r, {{…}})", kind="rows"
        )
    return value


def _all_of(rows: Iterable[Row]) -> tuple[Column, ...]:
    names = dict.fromkeys(str(name) for row in rows for name in row)
    return tuple(Column(name=name) for name in names)


def filed(word: str, params: Filed, context: Context, write: Callable[[Rows, Draft, Begun | None], int]) -> Done:
    """Write the rows; `write` returns how many."""
    effects.refuse_hidden(word, params.rows)

    def whole(draft: Draft, begun: Begun | None) -> int:
        with rows_of(params, context) as rows:
            return write(rows, draft, begun)

    return stands(word, params, context, getattr(params, "mode", "replace"), whole)


def stands(word: str, params: Place, context: Context, mode: Mode, write: Writes) -> Done:
    """Make the file stand, once; a dry run says which."""
    folder = context.tools.folder(params.to or "") if not context.dry else None
    if folder is None:
        nothing = {"path": params.path, "rows": 0, "bytes": 0, "sha256": ""}
        return Done(summary(word, f"{mode} {params.path}") | nothing)
    shown = folder.shown(params.path)
    key = context.effect_key(f"file {shown}")
    request = params.model_dump(exclude={"rows"}, mode="python")

    def call() -> dict[str, Any]:
        return _output(_made(folder, params.path, mode, write, key, context.journal.still_mine))

    kind: Policy = "idempotent" if mode == "replace" else "natural_key"
    return Done(context.perform(kind, f"file {shown}", f"{word}: {mode} {shown}", request, call))


def _made(folder: Rooted, path: str, mode: Mode, write: Writes, key: str, ready: Callable[[], None]) -> Written:
    if mode == "replace":
        return folder.replace(path, lambda draft: write(draft, None), ready)
    return (folder.append if mode == "append" else folder.create)(path, write, key, ready)


def _output(written: Written) -> dict[str, Any]:
    return {**written.as_json(), "rows": written.note}


@contextmanager
def as_text(draft: Draft, encoding: str) -> Generator[TextIO, None, None]:
    """The draft for text; what the encoding lacks becomes a question mark."""
    with buffered(draft) as binary:
        text = io.TextIOWrapper(binary, encoding, errors="replace", newline="", write_through=False)
        try:
            yield text
            text.flush()
        finally:
            _let_go(text)


@contextmanager
def buffered(draft: Draft) -> Generator[BinaryIO, None, None]:
    """The draft for many small writes."""
    binary = io.BufferedWriter(draft, 1 << 17)
    try:
        yield binary
        binary.flush()
    finally:
        _let_go(binary)


def _let_go(wrapper: Any) -> None:
    # After an error there is something left that cannot be flushed, and nobody wants it any more.
    with suppress(Exception):
        wrapper.detach()
