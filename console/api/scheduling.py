"""Schedules over the API."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from flask import Response
from pydantic import Field

from console.api.answering import asked, given, seconds, whole, wish
from console.api.described import Described, Done, Given, Nothing, Pause, Wish
from console.pages.parts import here
from console.verbs import scheduling


class CatchUp(Wish):
    at: Annotated[str, Field(max_length=60, description="One of `missed`, such as 2026-03-01T07:00:00Z.")]


class Schedule(Given):
    name: str
    automation: str
    trigger: str
    zone: str
    written: str
    words: str
    next_at: dt.datetime
    coming: list[dt.datetime]
    missed: list[dt.datetime]
    held: dict[str, Any] | None


DESCRIBED: Mapping[str, Described] = {
    "api.schedules": Described("What is due by the clock, the next first", Schedule, True),
    "api.schedule_run": Described("Let a schedule happen now, beside its times", Done, takes=Nothing),
    "api.schedule_catch_up": Described("Make up for a planned time that made no event", Done, takes=CatchUp),
    "api.schedule_pause": Described("Let its times pass without an event", Done, takes=Pause),
    "api.schedule_resume": Described("Let it go on", Done, takes=Nothing),
}


def schedules() -> Response:
    asked(DESCRIBED["api.schedules"])
    return whole(scheduling.listed(here()))


def run(name: str) -> Response:
    wish(Nothing)
    return given({"done": True, "schedule": name, "told": scheduling.run(here(), name)})


def catch_up(name: str) -> Response:
    return given({"done": True, "schedule": name, "told": scheduling.catch_up(here(), name, wish(CatchUp).at)})


def pause(name: str) -> Response:
    wanted = wish(Pause)
    scheduling.hold(here(), name, wanted.reason, seconds(wanted.hours))
    return given({"done": True, "schedule": name})


def resume(name: str) -> Response:
    wish(Nothing)
    scheduling.go_on(here(), name)
    return given({"done": True, "schedule": name})


VIEWS: dict[str, Callable[..., Response]] = {
    "api.schedules": schedules, "api.schedule_run": run, "api.schedule_catch_up": catch_up, "api.schedule_pause": pause,
    "api.schedule_resume": resume,
}  # fmt: skip
