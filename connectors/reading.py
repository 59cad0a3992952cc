"""Reading a list to its end, page after page, by counting.

Links are not followed: the documentation's own example drops `project_id` from them. Nothing holds the list
still while it is read, so rows move between pages: records are told apart by id, and whoever needs a
complete picture overlaps his windows.
Source: Procore documentation, pagination; traps seen in production by others (a page size of 100 that answers
500, endpoints that ignore paging).
"""

from __future__ import annotations

import math
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
    """`after` is how many records of the list lie before the next page; `total` as Procore counts, if it does.

    `next` is the (number, size) of the page that follows, to begin with when the reading is taken up again;
    None on the last one.
    """

    records: list[Json]
    number: int
    after: int
    total: int | None
    next: tuple[int, int] | None = None


def pages(ask: Ask, size: int, what: str, start: int = 1, total_before: int | None = None) -> Iterator[Page]:
    """Every page from page `start` until the list ends. `ask` takes `{"page", "per_page"}`; `what` names it in errors.

    When the list has become shorter since the page before, what followed has moved forward: the reading goes
    back as far, and those pages come again. `total_before` is the total of the page before `start`.

    Raises:
        Transient: as `ask` does; for 408, 500, timeouts and too large answers only at a page size of 1.
        Permanent: the pages go round in circles, or have no end.
    """
    number, offset = start, (start - 1) * size
    known_total, strained = total_before, False
    seen: set[int] = set()
    while number <= MOST_PAGES:
        try:
            reply, records = _patiently(ask, {"page": number, "per_page": size})
        except (Transient, Permanent) as error:
            if size == 1 or not _too_much(error):
                raise
            # Half of it first, then in great steps: failed calls use quota, and many in a row look like an outage.
            size, strained = max(1, size // (10 if strained else 2)), True
            # The new page begins at or before the old one did; what comes twice is dropped by id.
            number = offset // size + 1
            offset = (number - 1) * size
            continue
        strained = False
        total = _number(reply, "Total")
        in_force = _number(reply, "Per-Page") or (size if len(records) >= size else len(records)) or size
        if total is not None and known_total is not None and total < known_total and number > 1:
            number = max(1, number - math.ceil((known_total - total) / in_force))
            offset, known_total = (number - 1) * in_force, total
            seen.clear()
            continue
        known_total = total
        print_of_page = hash(tuple(str(record.get("id")) for record in records))
        if records and print_of_page in seen:
            _stop_circle(number, start, what)
            return
        seen.add(print_of_page)
        offset = (number - 1) * in_force + len(records)
        last = not records or (total is not None and number * in_force >= total)
        yield Page(records, number, offset, total, None if last else (number + 1, in_force))
        if last:
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


def _stop_circle(number: int, start: int, what: str) -> None:
    if number > start + 1:
        raise Permanent(
            f"{what}: page {number} repeats an earlier one, so the list has no end. Read it in smaller parts.", kind="endless"
        )
    # The second page equals the first: this endpoint does not page, and all of it was in the first answer.


def _number(reply: Reply, header: str) -> int | None:
    text = reply.headers.get(header, "")
    return int(text) if text.isascii() and text.isdigit() else None
