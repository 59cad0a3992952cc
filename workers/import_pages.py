"""Reading one list page by page from its checkpoint to its end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from connectors import windows
from connectors.http import Strained
from connectors.kinds.procore_dmsa import known
from connectors.reading import Json, Page
from store import cursors, imports, landing
from workers import import_plan
from workers.import_work import Part, Work

PASSES = 3  # records move while a long list is read: then it is read again, but not for ever
PAGE = 500  # what we ask for at once, for the sake of memory; a list may allow less
Pause = Callable[[], None]


def read(work: Work, part: Part, between: Pause) -> None:
    """Read a list to its end. `between` is called after each page and may raise to stop there.

    Raises: as `Procore.pages` does. What was committed before stays, and the next reading goes on behind it.
    """
    work.begin(part)
    while part.position["windows"] or _again(work, part):
        try:
            _window(work, part, between)
        except Strained:
            if not _narrower(work, part):
                raise
    _ended(work, part)


def _window(work: Work, part: Part, between: Pause) -> None:
    """Read the pages of the first window that is left. The last page takes the window off."""
    first, size = part.position.get("next") or (1, None)
    for page in _pages(work, part, first, size):
        _keep(work, part, page)
        between()


def _pages(work: Work, part: Part, first: int, size: int | None) -> Any:
    window = part.position["windows"][0]
    kind = part.position["kind"]
    row = known(part.position["sources"][0]) if kind == "parents" else part.resource
    query = {"start_date": window[0], "end_date": window[1]} if kind == "days" else {}
    filters = {"updated_at": windows.filter_of((window[0], window[1]))} if kind == "changes" else {}
    parent, project = part.parent_id or None, part.project_id or None
    before = part.position.get("total") if first > 1 else None
    return work.procore.paged(
        row, project, parent=parent, filters=filters, query=query, per_page=size or PAGE, start=first, total_before=before
    )


def _keep(work: Work, part: Part, page: Page) -> None:
    position = _behind(part.position, page)
    if part.position["kind"] == "parents":
        work.commit(part, "reading", position=position, change=lambda db: _children(db, work, part, page))
        return
    first_time = part.position.get("next") is None and part.position.get("pass", 1) == 1
    expected = (page.total if page.total is not None else len(page.records)) if first_time else 0
    work.commit(
        part, "reading", position=position, change=lambda db: work.land(db, part, page.records),
        read=len(page.records), expected=expected,
    )  # fmt: skip


def _behind(position: Json, page: Page) -> Json:
    """The position when this page is done."""
    if page.next is not None:
        return {**position, "next": list(page.next), "total": page.total}
    left = position["windows"][1:]
    behind = {**position, "windows": left, "next": None, "total": page.total, "paged": page.number > 1}
    if position["kind"] == "parents" and len(position["sources"]) > 1:
        return {**behind, "sources": position["sources"][1:], "windows": [None]}
    return behind


def _children(db: Connection, work: Work, part: Part, page: Page) -> dict[str, int]:
    """A list to read under each record of this page."""
    ids = [id for id in map(landing.id_of, page.records) if id is not None]
    position = {"kind": "full", "windows": [None]}
    imports.add_parts(db, work.row.id, ((part.resource.name, part.project_id, id, position) for id in ids))
    return {}


def _narrower(work: Work, part: Part) -> bool:
    """Halve the window of a list that is too much at once; False when it has none, or it is narrow enough."""
    if part.position["kind"] != "changes":
        return False
    first, *others = part.position["windows"]
    two = windows.halves((first[0], first[1]), dt.datetime.now(dt.UTC))
    if not two:
        return False
    work.commit(part, "reading", position={**part.position, "windows": [*map(list, two), *others], "next": None})
    return True


def _ended(work: Work, part: Part) -> None:
    if nameless := part.counts.get("nameless"):
        reason = f"{part.called}: {nameless} records have no id that could be kept, and are left out."
        work.commit(part, "failed", reason=reason)
        return
    state = "deletions" if _whole(work, part) else "ok"
    work.commit(part, state, change=lambda db: _move_cursor(db, work, part))


def _again(work: Work, part: Part) -> bool:
    """Begin anew when a list that was read over several pages showed fewer records than it says it has."""
    position = part.position
    if position["kind"] != "full" or not position.get("paged") or part.parent_id or position.get("pass", 1) >= PASSES:
        return False
    known_here, unseen = work.seen(part)
    if known_here - unseen >= (position.get("total") or 0) - part.counts.get("nameless", 0):
        return False
    work.commit(part, "reading", position={**position, "windows": [None], "next": None, "pass": position.get("pass", 1) + 1})
    return True


def _whole(work: Work, part: Part) -> bool:
    """Whether what this list did not show may be gone: a part of a list says nothing of that."""
    position = part.position
    wanted = (work.row.options or {}).get("deletions", True)
    return wanted and not part.parent_id and position["kind"] != "changes" and not position.get("asked")


def _move_cursor(db: Connection, work: Work, part: Part) -> dict[str, int]:
    position = part.position
    row, began = part.resource, work.begin_of(part)
    if "U" not in row.filters or position["kind"] not in ("full", "changes") or part.parent_id:
        return {}
    until = cursors.get(db, import_plan.KIND, work.row.connector, row.name, part.project_id)
    if position["kind"] == "changes" and (until is None or dt.datetime.fromisoformat(position["since"]) > until):
        return {}  # somebody asked for less than what is missing: the gap stays to be read
    cursors.move(db, import_plan.KIND, work.row.connector, row.name, part.project_id, began)
    return {}
