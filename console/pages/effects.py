"""The ledger of effects, and settling those of which nobody knows whether they arrived."""

from __future__ import annotations

from werkzeug.wrappers import Response as BaseResponse

from config.errors import ConfigError
from console.pages.parts import PAGE_ROWS, asked, before, done, drawn, field, here, older, refused, sought
from console.verbs import fitting, looking, settling
from console.verbs.at_hand import NotThere


def list_() -> tuple[str, int]:
    filters = {"state": asked("state"), "automation": asked("automation")}
    run = asked("run")
    found, unfit = sought(
        lambda: looking.effects(here(), PAGE_ROWS + 1, before(), run_id=fitting.number("run", run), **filters)
    )  # fmt: skip
    rows, next_page = older(found)
    return drawn(
        "effects/list.html", unfit, effects=rows, next_page=next_page, filters=filters, run=run,
        states=fitting.EFFECTS["state"], any_filter=any(filters.values()) or bool(run),
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
