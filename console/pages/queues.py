"""Lanes and processes: what waits, for how long, and holding a lane back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import render_template
from werkzeug.wrappers import Response as BaseResponse

from config.errors import ConfigError
from console.pages import plots
from console.pages.parts import done, field, here, pause_s, refused
from console.verbs import holding, switching, working
from console.verbs.at_hand import NotThere

PAGE = "/queues"


def show() -> str:
    return render_template(
        "queues/show.html",
        lanes=holding.lanes(here()),
        processes=[drawn(one) for one in working.processes(here())],
        changes=switching.effects_paused(here()),
    )


def drawn(one: dict[str, Any]) -> dict[str, Any]:
    """With the line of how busy a worker was, and that in words."""
    usage = one.get("usage") or []
    return {**one, "line": plots.spark(usage), "mean": round(sum(usage) / len(usage)) if usage else None}


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
    told = f"The lane {lane} is paused. What is being done ends; nothing new is taken."
    return _tried(lambda: holding.pause_lane(here(), lane, field("reason", 500), pause_s()), told)


def drain(lane: str) -> BaseResponse:
    told = f"The lane {lane} runs empty: what is in it is done, what comes from now on waits."
    return _tried(lambda: holding.drain_lane(here(), lane, field("reason", 500), pause_s()), told)


def resume(lane: str) -> BaseResponse:
    return _tried(lambda: holding.resume_lane(here(), lane), f"The lane {lane} goes on.")


def limit(lane: str) -> BaseResponse:
    most = field("most", 6)
    told = f"At most {most} runs and imports of the lane {lane} work at once. What is being done ends first."
    number = int(most) if most.isascii() and most.isdigit() else 0
    return _tried(lambda: holding.limit_lane(here(), lane, number, field("reason", 500)), told)


def unlimit(lane: str) -> BaseResponse:
    return _tried(lambda: holding.limit_lane(here(), lane, None, ""), f"The lane {lane} has no limit any more.")


def drain_worker(name: str) -> BaseResponse:
    ends = field("ends", 3) == "yes"
    told = f"{name} takes nothing new and finishes what it has" + ("; then its process ends." if ends else ".")
    return _tried(lambda: working.drain(here(), name, field("reason", 500), ends=ends), told)


def resume_worker(name: str) -> BaseResponse:
    return _tried(lambda: working.resume(here(), name), f"{name} takes work again within seconds.")


def _tried(what: Callable[[], object], sentence: str) -> BaseResponse:
    try:
        what()
    except NotThere:
        raise
    except ConfigError as error:
        return refused(PAGE, error)
    return done(PAGE, sentence)


VIEWS = {
    "queues.show": show, "queues.pause": pause, "queues.drain": drain, "queues.resume": resume, "queues.limit": limit,
    "queues.unlimit": unlimit, "workers.drain": drain_worker, "workers.resume": resume_worker, "changes.hold": hold,
    "changes.resume": let_go,
}  # fmt: skip
