"""Who changed what, and whether the chain holds."""

from __future__ import annotations

from flask import render_template

from console.pages.parts import PAGE_ROWS, asked, before, here, older
from console.verbs import auditing


def list_() -> str:
    filters = {name: asked(name) for name in ("actor", "verb", "subject")}
    rows, next_page = older(auditing.found(here(), PAGE_ROWS + 1, before(), **filters))
    checked = asked("check") == "1"
    return render_template(
        "audit/list.html", rows=rows, next_page=next_page, filters=filters, checked=checked,
        broken=auditing.broken_at(here()) if checked else None, any_filter=any(filters.values()),
    )  # fmt: skip


VIEWS = {"audit.list": list_}
