"""Failures by cause: acknowledged, ignored, or tried again as an operation."""

from __future__ import annotations

from flask import render_template
from werkzeug.wrappers import Response as BaseResponse

from config.errors import ConfigError
from console.pages.parts import done, field, here, refused
from console.verbs import failing
from console.verbs.at_hand import NotThere

PAGE = "/failures"


def list_() -> str:
    return render_template("failures/list.html", groups=failing.groups(here()))


def mark(cause: str) -> BaseResponse:
    state = field("state")
    try:
        failing.mark(here(), cause, state, field("note", 1000))
    except NotThere:
        raise
    except ConfigError as error:
        return refused(PAGE, error)
    return done(PAGE, f"The cause is {state}.")


VIEWS = {"failures.list": list_, "failures.mark": mark}
