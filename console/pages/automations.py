"""Automations: what is in force, what does not load and why, and pausing one."""

from __future__ import annotations

from flask import render_template
from werkzeug.wrappers import Response as BaseResponse

from config.errors import ConfigError
from console.pages.parts import done, field, here, pause_s, refused
from console.verbs import looking, ruling, switching
from console.verbs.at_hand import NotThere

PAGE_RUNS = 10


def list_() -> str:
    return render_template("automations/list.html", automations=ruling.listed(here()))


def show(name: str) -> str:
    found = ruling.shown(here(), name)
    runs = looking.runs(here(), PAGE_RUNS, automation=name)
    return render_template("automations/show.html", automation=found, runs=runs)


def pause(name: str) -> BaseResponse:
    page = f"/automations/{name}"
    try:
        switching.pause_automation(here(), name, field("reason", 500), pause_s())
    except NotThere:
        raise
    except ConfigError as error:
        return refused(page, error)
    return done(page, f"{name} is paused: it hears no event until it is resumed.")


def resume(name: str) -> BaseResponse:
    page = f"/automations/{name}"
    try:
        switching.resume_automation(here(), name)
    except NotThere:
        raise
    except ConfigError as error:
        return refused(page, error)
    return done(page, f"{name} is active again.")


VIEWS = {"automations.list": list_, "automations.show": show, "automations.pause": pause, "automations.resume": resume}
