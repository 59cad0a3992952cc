"""Runs: found by any filter in the address, each with its whole story, tried again or ended."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import render_template
from werkzeug.wrappers import Response as BaseResponse

from config.errors import ConfigError
from console.pages import plots
from console.pages.parts import PAGE_ROWS, asked, before, done, drawn, field, here, older, refused, sought
from console.verbs import editing, fitting, holding, looking, operating, running, showing
from console.verbs.at_hand import NotThere

SPANS = ("1h", "6h", "24h", "7d", "30d")
FILTERS = ("state", "automation", "connector", "lane", "resource", "record", "project", "cause", "operation", "text")
KINDS = {"ok": "good", "failed": "bad", "uncertain": "warn", "waiting": "other", "skipped": plots.SKIPPED}


def list_() -> tuple[str, int]:
    filters = {name: asked(name) for name in FILTERS}
    span = asked("since")
    found, unfit = sought(lambda: looking.runs(here(), PAGE_ROWS + 1, before(), hours=fitting.since(span), **filters))
    rows, next_page = older(found)
    words = {"states": fitting.RUNS["state"], "lanes": fitting.RUNS["lane"], "spans": SPANS}
    query = urlencode({name: value for name, value in {**filters, "since": span}.items() if value})
    any_filter = any(filters.values()) or bool(span)
    return drawn(
        "runs/list.html", unfit, runs=rows, next_page=next_page, filters=filters, span=span, any_filter=any_filter, query=query,
        **words,
    )  # fmt: skip


def show(id: int) -> str:
    found = showing.run(here(), id)
    steps = found["steps"]
    falls = plots.waterfall(
        found["started_at"],
        found["finished_at"],
        [(one["finished_at"], one["duration_ms"], KINDS.get(one["state"], "other")) for one in steps],
    )
    attempts = _attempts(steps, falls)
    return render_template(
        "runs/show.html",
        run=found,
        steps=attempts,
        calls=found["calls"],
        title=looking.title((found["copies"]["after"] or {}).get("body")),
        edited=editing.edited(here(), id),
        edited_as=editing.edited_as(here(), id),
        operations=operating.of_run(here(), id),
        held=holding.what_holds(here(), found["lane"], found["connector"]),
    )


def _attempts(steps: list[dict[str, Any]], falls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The steps in order, each with how it ended last and the attempts before that."""
    found: dict[str, dict[str, Any]] = {}
    for step, fall in zip(steps, falls, strict=True):
        earlier = found.pop(step["path"], None)
        found[step["path"]] = {**step, "fall": fall, "earlier": [*earlier["earlier"], earlier] if earlier else []}
    return list(found.values())


def retry(id: int) -> BaseResponse:
    through = field("through", 3) == "yes"
    try:
        running.retry(here(), id, through=through)
    except NotThere:
        raise
    except ConfigError as error:
        return refused(f"/runs/{id}", error)
    if through:
        return done(f"/runs/{id}", f"Run {id} goes on through the pause; everything else of it waits.")
    return done(f"/runs/{id}", f"Run {id} is due again. Steps that succeeded are not repeated.")


def cancel(id: int) -> BaseResponse:
    try:
        running.cancel(here(), id, field("reason", 300) or "cancelled by hand")
    except NotThere:
        raise
    except ConfigError as error:
        return refused(f"/runs/{id}", error)
    return done(f"/runs/{id}", f"Run {id} is cancelled.")


VIEWS = {
    "runs.list": list_,
    "runs.show": show,
    "runs.retry": retry,
    "runs.cancel": cancel,
}
