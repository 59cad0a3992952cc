"""Tables in other databases (`to: sql:<name>`): the statements of `store/tables.py` on a connection of the destination.

A write there is committed before the step is; after a crash it is made again, and by its key and version it changes
nothing the second time.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from config.errors import Permanent, Transient
from store import queries
from store.queries import Query
from store.session import passes_by_itself

Finds = Callable[[str], Any]
# A table or column that is not there, a wrong password, a right that lacks: waiting does not mend these.
_LASTING = ("28", "3D", "3F", "42")


def none(name: str) -> Any:
    """For journals that reach nowhere."""
    raise Permanent(f'there is no destination "{name}". Add a file to destinations/.', kind="no_destination")


@contextmanager
def writing(find: Finds, name: str) -> Iterator[Connection]:
    """One transaction there. Raises: Transient when the database is busy or away, Permanent when it refuses."""
    where = f"sql:{name}"
    destination = find(where)
    with _told(where), destination.writing() as db:
        yield db


def rows(find: Finds, name: str, query: Query) -> Generator[dict[str, Any], None, None]:
    where = f"sql:{name}"
    destination = find(where)
    with _told(where):
        yield from queries.stream(destination.engine, query)


@contextmanager
def _told(where: str) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise _meant(where, error) from None


def _meant(where: str, error: SQLAlchemyError) -> Transient | Permanent:
    said = " ".join(str(getattr(error, "orig", None) or error).split())[:300]
    if isinstance(error, PoolTimeout):
        return Transient(
            f"{where}: all its connections are in use. Raise pool: in its file, or run less at once.", kind="connection"
        )
    state = str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")
    away = (
        isinstance(error, (OperationalError, InterfaceError)) and not state.startswith(_LASTING) and "no such table" not in said
    )
    if away or (isinstance(error, DBAPIError) and passes_by_itself(error)):
        return Transient(f"{where} does not answer: {said}", kind="connection")
    what = "the table does not take this row" if isinstance(error, StatementError) else "it cannot be used"
    return Permanent(f"{where}: {what}: {said}", kind="value")
