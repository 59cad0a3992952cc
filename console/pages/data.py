"""The tables that automations write, as a spreadsheet."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Response, render_template, request

from console.pages.parts import PAGE_ROWS, asked, download, here
from console.verbs import browsing

MOST_PAGES = 200
# What a person looks for stands first; the rest as the table has it.
_FIRST = ("id", "body", "connector", "project_id", "updated_at")
FILTERS = ("text", "column", "value", "sort")


def list_() -> str:
    return render_template("data/list.html", tables=browsing.listed(here()))


def table(name: str) -> str:
    filters = {one: asked(one) for one in FILTERS}
    text = request.args.get("page", "1")
    page = min(MOST_PAGES, max(1, int(text))) if text.isdigit() and len(text) < 6 else 1
    columns, rows = browsing.rows(here(), name, PAGE_ROWS + 1, (page - 1) * PAGE_ROWS, **filters)
    columns.sort(key=lambda one: _FIRST.index(one) if one in _FIRST else len(_FIRST))
    kept = {one: value for one, value in filters.items() if value}
    next_page = f"/data/{name}?{urlencode({**kept, 'page': page + 1})}" if len(rows) > PAGE_ROWS and page < MOST_PAGES else None
    return render_template(
        "data/table.html", name=name, columns=columns, rows=rows[:PAGE_ROWS], filters=filters, page=page, next_page=next_page,
        query=urlencode(kept), sorts={column: _sort(column, filters["sort"], kept) for column in columns},
    )  # fmt: skip


def _sort(column: str, sort: str | None, kept: dict[str, str]) -> str:
    """The address of the same rows sorted by this column, the other way round when they are already."""
    return "?" + urlencode({**kept, "sort": f"-{column}" if sort == column else column})


def export(name: str) -> Response:
    lines = browsing.exported(here(), name, **{one: asked(one) for one in FILTERS})
    return download(lines, f"{name}.csv", "text/csv; charset=utf-8")


VIEWS = {"data.list": list_, "data.table": table, "data.export": export}
