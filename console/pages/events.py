"""Events and deliveries: what came, what it said, and why each automation did or did not run."""

from __future__ import annotations

from flask import render_template

from console.pages.parts import PAGE_ROWS, asked, before, here, older
from console.verbs import looking, showing

STATES = ("matched", "ignored", "unsupported", "quarantined", "received")
KEPT = ("received", "sorted", "ignored", "quarantined")
SOURCES = ("webhook", "sweep", "manual", "schedule", "config", "inbound", "run")
SPANS = ("1h", "6h", "24h", "7d", "30d")
FILTERS = ("state", "connector", "source", "resource", "record", "project", "text")


def list_() -> str:
    filters = {name: asked(name) for name in FILTERS}
    span = asked("since")
    found = looking.events(here(), PAGE_ROWS + 1, before(), hours=looking.hours(span), **filters)
    rows, next_page = older(found)
    return render_template(
        "events/list.html", events=rows, next_page=next_page, filters=filters, span=span, states=STATES, sources=SOURCES,
        spans=SPANS, any_filter=any(filters.values()) or bool(span),
    )  # fmt: skip


def show(id: int) -> str:
    return render_template("events/show.html", event=showing.event(here(), id))


def deliveries() -> str:
    filters = {name: asked(name) for name in ("state", "connector")}
    rows, next_page = older(looking.deliveries(here(), PAGE_ROWS + 1, before(), **filters))
    return render_template(
        "events/deliveries.html",
        deliveries=rows,
        next_page=next_page,
        filters=filters,
        states=KEPT,
        any_filter=any(filters.values()),
    )


def delivery(id: int) -> str:
    return render_template("events/delivery.html", delivery=showing.delivery(here(), id))


VIEWS = {"events.list": list_, "events.show": show, "deliveries.list": deliveries, "deliveries.show": delivery}
