"""Reading a list to its end, page after page, by counting.

Links are not followed: the documentation's own example drops `project_id` from them. Nothing holds the list
still while it is read, so rows move between pages: records are told apart by id, and whoever needs a
complete picture overlaps his windows.
Source: Procore documentation, pagination; traps seen in production by others (a page size of 100 that answers
500, endpoints that ignore paging).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from config.errors import Permanent, Transient
from connectors.http import Reply, Strained

Json = dict[str, Any]
Ask = Callable[[Mapping[str, Any]], tuple[Reply, list[Json]]]

MOST_PAGES = 100_000
REMEMBERED_PAGES = 8
PATIENCE = 3


@dataclass(frozen=True)
class Page:
    """`after` is how many records of the list lie before the next page; `total` as Procore counts, if it does."""

    records: list[Json]
    number: int
    after: int
    total: int | None


def pages(ask: Ask, size: int, what: str) -> Iterator[Page]:
    """Every page until the list ends. `ask` takes `{"page", "per_page"}`; `what` names the list in errors.

    Raises:
        Transient: as `ask` does; for 408, 500, timeouts and too large answers only at a page size of 1.
        Permanent: the pages go round in circles, or have no end.
    """
    number, offset = 1, 0
    seen: set[int] = set()
    while number <= MOST_PAGES:
        try:
            reply, records = _patiently(ask, {"page": number, "per_page": size})
        except (Transient, Permanent) as error:
            if size == 1 or not _too_much(error):
                raise
            size = max(1, size // 2)
            # The new page begins at or before the old one did; what comes twice is dropped by id.
            number = offset // size + 1
            offset = (number - 1) * size
            continue
        print_of_page = hash(tuple(str(record.get("id")) for record in records))
        if records and print_of_page in seen:
            _stop_circle(number, what)
            return
        seen.add(print_of_page)
        in_force = _number(reply, "Per-Page") or (size if len(records) >= size else len(records)) or size
        offset = (number - 1) * in_force + len(records)
        total = _number(reply, "Total")
        yield Page(records, number, offset, total)
        if not records or (total is not None and number * in_force >= total):
            return
        number, offset = number + 1, number * in_force
    raise Permanent(f"{what}: still no end after {MOST_PAGES} pages. Narrow the list with a filter.", kind="endless")


def each(of: Iterator[Page]) -> Iterator[Json]:
    """Every record once. Rows move to neighbouring pages, so only the ids of the last few are remembered."""
    recent: deque[set[str]] = deque(maxlen=REMEMBERED_PAGES)
    for page in of:
        here: set[str] = set()
        recent.append(here)
        for record in page.records:
            key = str(record.get("id"))
            if key == "None" or not any(key in ids for ids in recent):
                yield record
            here.add(key)


def _patiently(ask: Ask, query: Mapping[str, Any]) -> tuple[Reply, list[Json]]:
    """A 429 in the middle of a list is waited for (by the quota), so that the pages before were not in vain."""
    for _ in range(PATIENCE):
        try:
            return ask(query)
        except Transient as error:
            if error.kind != "http_429":
                raise
    return ask(query)


def _too_much(error: Transient | Permanent) -> bool:
    return isinstance(error, Strained) or error.kind in ("timeout", "too_large")


def _stop_circle(number: int, what: str) -> None:
    if number > 2:
        raise Permanent(
            f"{what}: page {number} repeats an earlier one, so the list has no end. Read it in smaller parts.", kind="endless"
        )
    # Page 2 equals page 1: this endpoint does not page, and all of it was in the first answer.


def _number(reply: Reply, header: str) -> int | None:
    text = reply.headers.get(header, "")
    return int(text) if text.isascii() and text.isdigit() else None
