"""Reading many records in one request: the list, asked by ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from connectors.catalogue import Resource
from connectors.reading import Json

# Servers and proxies take addresses of 8 KB at least; the path and other parameters need some of it.
LONGEST_QUERY = 6000
MOST = 100

Pages = Callable[..., Iterator[Json]]


def read_many(pages: Pages, row: Resource, ids: Sequence[str], project_id: str | None) -> dict[str, Json]:
    """The records of these ids that the list has, by id; one request for each hundred where its page allows it.

    `pages` is `Procore.pages`. A list that answers what was not asked for ignores the filter: then only what is
    surely known comes back, and the caller reads the others one by one.
    Raises: as `pages` does.
    """
    found: dict[str, Json] = {}
    for part in _parts(ids, min(MOST, row.page_max), len(f"filters%5B{row.id_filter}%5D%5B%5D=&")):
        if not _read(pages, row, part, project_id, found):
            break
    return found


def _read(pages: Pages, row: Resource, ids: list[str], project_id: str | None, found: dict[str, Json]) -> bool:
    """False when the list ignores the filter."""
    missing = set(ids)
    for record in pages(row, project_id, filters={"id": ids}, per_page=len(ids)):
        id = str(record.get("id"))
        if id not in missing:
            return False
        found[id] = record
        missing.discard(id)
        if not missing:  # the next page would be empty, and cost a call
            break
    return True


def _parts(ids: Sequence[str], most: int, around: int) -> Iterator[list[str]]:
    part: list[str] = []
    length = 0
    for id in dict.fromkeys(ids):
        if part and (len(part) >= most or length + around + len(id) > LONGEST_QUERY):
            yield part
            part, length = [], 0
        part.append(id)
        length += around + len(id)
    if part:
        yield part
