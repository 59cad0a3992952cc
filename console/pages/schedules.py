"""When automations are due by the clock: now, not now, and what was missed."""

from __future__ import annotations

from collections.abc import Callable

from flask import render_template
from werkzeug.wrappers import Response as BaseResponse

from config.errors import TiebackError
from console.pages.parts import done, field, here, pause_s, refused
from console.verbs import scheduling
from console.verbs.at_hand import NotThere

PAGE = "/schedules"


def list_() -> str:
    return render_template("schedules/list.html", schedules=scheduling.listed(here()))


def run(name: str) -> BaseResponse:
    return _tried(lambda: f"{name}: {scheduling.run(here(), name)}.")


def catch_up(name: str) -> BaseResponse:
    return _tried(lambda: f"{name}: {scheduling.catch_up(here(), name, field('at', 60))}.")


def pause(name: str) -> BaseResponse:
    def it() -> str:
        scheduling.hold(here(), name, field("reason", 500), pause_s())
        return f"{name}: its times pass."

    return _tried(it)


def resume(name: str) -> BaseResponse:
    def it() -> str:
        scheduling.go_on(here(), name)
        return f"{name} goes on. What it missed is listed with it."

    return _tried(it)


def _tried(what: Callable[[], str]) -> BaseResponse:
    try:
        return done(PAGE, what())
    except NotThere:
        raise
    except TiebackError as error:
        return refused(PAGE, error)


VIEWS = {
    "schedules.list": list_, "schedules.run": run, "schedules.catch_up": catch_up, "schedules.pause": pause,
    "schedules.resume": resume,
}  # fmt: skip
