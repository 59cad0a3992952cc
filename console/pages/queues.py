"""Lanes and processes: what waits, for how long, and holding a lane back."""

from __future__ import annotations

from flask import render_template
from werkzeug.wrappers import Response as BaseResponse

from config.errors import ConfigError
from console.pages.parts import done, field, here, refused
from console.verbs import holding, switching
from console.verbs.at_hand import NotThere

PAGE = "/queues"


def show() -> str:
    return render_template(
        "queues/show.html",
        lanes=holding.lanes(here()),
        processes=holding.processes(here()),
        changes=switching.effects_paused(here()),
    )


def hold() -> BaseResponse:
    try:
        switching.pause_effects(here(), field("reason", 500))
    except ConfigError as error:
        return refused(PAGE, error)
    return done(PAGE, "No change goes out from now on. Reads, rows and files of our own go on.")


def let_go() -> BaseResponse:
    try:
        waiting = switching.resume_effects(here())
    except ConfigError as error:
        return refused(PAGE, error)
    return done(PAGE, f"Changes go out again; {waiting} run{'' if waiting == 1 else 's'} that waited for it due now.")


def pause(lane: str) -> BaseResponse:
    hours = field("hours", 6)
    try:
        holding.pause_lane(here(), lane, field("reason", 500), float(hours) if hours.isdigit() else None)
    except NotThere:
        raise
    except ConfigError as error:
        return refused(PAGE, error)
    return done(PAGE, f"The lane {lane} is paused. What is being done ends; nothing new is taken.")


def resume(lane: str) -> BaseResponse:
    try:
        holding.resume_lane(here(), lane)
    except NotThere:
        raise
    except ConfigError as error:
        return refused(PAGE, error)
    return done(PAGE, f"The lane {lane} goes on.")


VIEWS = {"queues.show": show, "queues.pause": pause, "queues.resume": resume, "changes.hold": hold, "changes.resume": let_go}
