"""Events and deliveries: what came, what it said, and why each automation did or did not run."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import render_template

from console.pages.parts import PAGE_ROWS, asked, before, drawn, here, me, older, sought
from console.verbs import fitting, looking, showing

SPANS = ("1h", "6h", "24h", "7d", "30d")
FILTERS = ("state", "connector", "source", "resource", "record", "project", "text")


def list_() -> tuple[str, int]:
    filters = {name: asked(name) for name in FILTERS}
    span = asked("since")
    found, unfit = sought(lambda: looking.events(here(), PAGE_ROWS + 1, before(), hours=fitting.since(span), **filters))
    rows, next_page = older(found)
    query = urlencode({name: value for name, value in {**filters, "since": span}.items() if value})
    replays = me().may("operations.ask") and here().only is None and filters["state"] != "received"
    return drawn(
        "events/list.html", unfit, query=query, replays=replays, events=rows,
        next_page=next_page, filters=filters, span=span, spans=SPANS,
        states=fitting.EVENTS["state"], sources=fitting.EVENTS["source"], any_filter=any(filters.values()) or bool(span),
    )  # fmt: skip


def show(id: int) -> str:
    found = showing.event(here(), id)
    replays = me().may("operations.ask") and here().only is None and found["replays"] is None and found["purged_at"] is None
    return render_template("events/show.html", event=found, replays=replays)


def deliveries() -> tuple[str, int]:
    filters = {name: asked(name) for name in ("state", "connector")}
    found, unfit = sought(lambda: looking.deliveries(here(), PAGE_ROWS + 1, before(), **filters))
    rows, next_page = older(found)
    return drawn(
        "events/deliveries.html", unfit, deliveries=rows, next_page=next_page, filters=filters,
        states=fitting.DELIVERIES["state"], any_filter=any(filters.values()),
    )  # fmt: skip


def delivery(id: int) -> str:
    return render_template("events/delivery.html", delivery=showing.delivery(here(), id))


VIEWS = {"events.list": list_, "events.show": show, "deliveries.list": deliveries, "deliveries.show": delivery}
