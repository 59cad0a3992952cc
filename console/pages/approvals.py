"""Questions of runs, answered by people."""

from __future__ import annotations

from werkzeug.wrappers import Response as BaseResponse

from config.errors import ConfigError
from console.pages.parts import PAGE_ROWS, asked, before, done, drawn, field, here, older, refused, sought
from console.verbs import approving, fitting
from console.verbs.at_hand import NotThere

PAGE = "/approvals"


def list_() -> tuple[str, int]:
    state = asked("state")
    found, unfit = sought(lambda: approving.listed(here(), PAGE_ROWS + 1, before(), state))
    rows, next_page = older(found)
    states = fitting.APPROVALS["state"]
    return drawn("approvals/list.html", unfit, approvals=rows, next_page=next_page, state_=state, states=states)


def answer(id: int) -> BaseResponse:
    try:
        chosen = approving.answer(here(), id, field("choice", 100), field("note", 1000))
    except NotThere:
        raise
    except ConfigError as error:
        return refused(PAGE, error)
    return done(PAGE, f"Question {id} is answered with {chosen}; its run goes on.")


VIEWS = {"approvals.list": list_, "approvals.answer": answer}
