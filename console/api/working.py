"""Lanes and workers over the API: what each route takes and gives, and its view."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from flask import Response
from pydantic import Field

from console.api.answering import asked, given, seconds, whole, wish
from console.api.described import Described, Done, Given, Nothing, Pause, Wish
from console.pages.parts import here
from console.verbs import holding, working

Why = Annotated[str, Field(min_length=1, max_length=500, description="Why, for whoever finds it so.")]


class LimitLane(Wish):
    most: Annotated[int, Field(ge=1, le=holding.MOST_AT_ONCE, description="Runs and imports at once.")]
    reason: Why


class DrainWorker(Wish):
    reason: Why
    ends: Annotated[bool, Field(description="Its process ends once it is empty.")] = False


class Lane(Given):
    lane: str
    waiting: int
    running: int
    due: int
    oldest: dt.datetime | None
    pause: dict[str, Any] | None
    limit: dict[str, Any] | None


class Worker(Given):
    name: str
    state: str
    slots: int
    busy: int
    usage: list[int]
    memory_bytes: int | None
    beat_at: dt.datetime
    drain: dict[str, Any] | None


DESCRIBED: Mapping[str, Described] = {
    "api.queues": Described("The lanes of work", Lane, True),
    "api.queue_pause": Described("Pause a lane", Done, takes=Pause),
    "api.queue_drain": Described("Do what is in a lane now; what comes later waits", Done, takes=Pause),
    "api.queue_resume": Described("Resume a lane", Done, takes=Nothing),
    "api.queue_limit": Described("Let at most so many runs and imports of a lane work at once", Done, takes=LimitLane),
    "api.queue_unlimit": Described("Lift a lane's limit", Done, takes=Nothing),
    "api.workers": Described("Worker processes: how busy, how large, whether they are drained", Worker, True),
    "api.worker_drain": Described("Let a worker take nothing new and finish what it has", Done, takes=DrainWorker),
    "api.worker_resume": Described("Let a drained worker take work again", Done, takes=Nothing),
}


def queues() -> Response:
    asked(DESCRIBED["api.queues"])
    return whole(holding.lanes(here()))


def queue_pause(lane: str) -> Response:
    wanted = wish(Pause)
    holding.pause_lane(here(), lane, wanted.reason, seconds(wanted.hours))
    return given({"done": True, "lane": lane})


def queue_drain(lane: str) -> Response:
    wanted = wish(Pause)
    holding.drain_lane(here(), lane, wanted.reason, seconds(wanted.hours))
    return given({"done": True, "lane": lane})


def queue_resume(lane: str) -> Response:
    wish(Nothing)
    holding.resume_lane(here(), lane)
    return given({"done": True, "lane": lane})


def queue_limit(lane: str) -> Response:
    wanted = wish(LimitLane)
    holding.limit_lane(here(), lane, wanted.most, wanted.reason)
    return given({"done": True, "lane": lane, "most": wanted.most})


def queue_unlimit(lane: str) -> Response:
    wish(Nothing)
    holding.limit_lane(here(), lane, None, "")
    return given({"done": True, "lane": lane})


def workers() -> Response:
    asked(DESCRIBED["api.workers"])
    return whole(working.workers(here()))


def worker_drain(name: str) -> Response:
    wanted = wish(DrainWorker)
    one = working.drain(here(), name, wanted.reason, ends=wanted.ends)
    return given({"done": True, "worker": one["name"]})


def worker_resume(name: str) -> Response:
    wish(Nothing)
    return given({"done": True, "worker": working.resume(here(), name)["name"]})


VIEWS: dict[str, Callable[..., Response]] = {
    "api.queues": queues, "api.queue_pause": queue_pause, "api.queue_drain": queue_drain, "api.queue_resume": queue_resume,
    "api.queue_limit": queue_limit, "api.queue_unlimit": queue_unlimit, "api.workers": workers,
    "api.worker_drain": worker_drain, "api.worker_resume": worker_resume,
}  # fmt: skip
