"""Questions of runs, answered by people."""

from __future__ import annotations

from flask import render_template
from werkzeug.wrappers import Response as BaseResponse

from config.errors import ConfigError
from console.pages.parts import PAGE_ROWS, asked, before, done, field, here, older, refused
from console.verbs import approving
from console.verbs.at_hand import NotThere

PAGE = "/approvals"
STATES = ("open", "answered", "expired")


def list_() -> str:
    state = asked("state")
    rows, next_page = older(approving.listed(here(), PAGE_ROWS + 1, before(), state))
    return render_template("approvals/list.html", approvals=rows, next_page=next_page, state_=state, states=STATES)


def answer(id: int) -> BaseResponse:
    try:
        chosen = approving.answer(here(), id, field("choice", 100), field("note", 1000))
    except NotThere:
        raise
    except ConfigError as error:
        return refused(PAGE, error)
    return done(PAGE, f"Question {id} is answered with {chosen}; its run goes on.")


VIEWS = {"approvals.list": list_, "approvals.answer": answer}
