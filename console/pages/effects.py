"""The ledger of effects, and settling those of which nobody knows whether they arrived."""

from __future__ import annotations

from flask import render_template
from werkzeug.wrappers import Response as BaseResponse

from config.errors import ConfigError
from console.pages.parts import PAGE_ROWS, asked, before, done, field, here, older, refused
from console.verbs import looking, settling
from console.verbs.at_hand import NotThere

STATES = ("intent", "applied", "failed", "uncertain")


def list_() -> str:
    filters = {"state": asked("state"), "automation": asked("automation")}
    run = asked("run", 18)
    run_id = int(run) if run and run.isdigit() else None
    rows, next_page = older(looking.effects(here(), PAGE_ROWS + 1, before(), run_id=run_id, **filters))
    return render_template(
        "effects/list.html", effects=rows, next_page=next_page, filters=filters, run=run, states=STATES,
        any_filter=any(filters.values()) or bool(run),
    )  # fmt: skip


def settle(id: int) -> BaseResponse:
    outcome = field("outcome")
    try:
        became = settling.settle(here(), id, outcome, field("note", 1000))
    except NotThere:
        raise
    except ConfigError as error:
        return refused("/effects?state=uncertain", error)
    return done("/effects?state=uncertain", f"Effect {id} is settled: {became}.")


VIEWS = {"effects.list": list_, "effects.settle": settle}
