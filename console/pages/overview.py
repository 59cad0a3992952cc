"""The first screen: is all well, and if not, why."""

from __future__ import annotations

from flask import render_template

from console.pages import plots
from console.pages.parts import here, standing
from console.verbs import overviewing


def show() -> str:
    found = overviewing.overview(here())
    drawn = {name: plots.bars(plot) for name, plot in found["plots"].items()}
    return render_template(
        "overview/show.html", plots=drawn, verdict=standing(), **{k: v for k, v in found.items() if k not in ("plots", "verdict")}
    )


VIEWS = {"overview.show": show}
