"""The biography of one record: every copy, difference, event, run and effect."""

from __future__ import annotations

from flask import render_template

from console.pages.parts import here
from console.verbs import looking


def show(connector: str, resource: str, id: str) -> str:
    return render_template("records/show.html", record=looking.record(here(), connector, resource, id))


VIEWS = {"records.show": show}
