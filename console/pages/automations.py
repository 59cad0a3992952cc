"""Automations: what is in force, what does not load and why, and pausing one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import redirect, render_template
from werkzeug.wrappers import Response as BaseResponse

from config.errors import ConfigError
from console.pages.parts import asked, done, field, here, pause_s, refused, say
from console.verbs import looking, ruling, starting, switching, versioning
from console.verbs.at_hand import NotThere

PAGE_RUNS = 10
SPANS = ("7d", "30d", "90d")


def list_() -> str:
    return render_template("automations/list.html", automations=ruling.listed(here()))


def show(name: str) -> str:
    found = ruling.shown(here(), name)
    runs = looking.runs(here(), PAGE_RUNS, automation=name)
    return render_template(
        "automations/show.html", automation=found, runs=runs, about=versioning.about(here(), name),
        versions=versioning.listed(here(), name),
    )  # fmt: skip


def version(name: str, version: str) -> str:
    """One text: what it says, how its tests end, what it would have done, and what differs from the one in force."""
    one = versioning.shown(here(), name, version)
    apart = None if one["in_force"] else versioning.difference(here(), name, versioning.IN_FORCE, one["version"])
    tests, trouble = _tests(name, one["version"]) if asked("tests") else (None, None)
    mine = [each for each in versioning.backtests(here(), name) if each["version"] == one["version"]]
    return render_template(
        "automations/version.html", one=one, apart=apart, tests=tests, trouble=trouble, backtests=mine, spans=SPANS,
        automation=ruling.shown(here(), name),
    )  # fmt: skip


def _tests(name: str, version: str) -> tuple[list[dict[str, Any]] | None, str | None]:
    try:
        return versioning.tested(here(), name, version), None
    except ConfigError as error:
        return None, str(error)


def diff(name: str) -> str:
    versions = versioning.listed(here(), name)
    before, after = asked("from"), asked("to")
    apart = versioning.difference(here(), name, before, after) if before and after else None
    return render_template("automations/diff.html", name=name, versions=versions, apart=apart)


def start(name: str) -> BaseResponse:
    page = f"/automations/{name}"
    try:
        id = starting.start(here(), name, field("record", 64) or None, field("project", 64) or None)
    except ConfigError as error:
        return refused(page, error)
    say(f"Run {id} is due.")
    return redirect(f"/runs/{id}", 303)


def hold(name: str) -> BaseResponse:
    return _tried(
        name, lambda: versioning.hold(here(), name, field("reason", 500)), "It stays; what its file says from now on waits."
    )


def follow(name: str) -> BaseResponse:
    return _tried(name, lambda: versioning.follow(here(), name), "Its file says again what is in force.")


def activate(name: str, version: str) -> BaseResponse:
    follows = field("then", 10) == "follow"
    return _tried(
        name,
        lambda: versioning.activate(here(), name, version, field("reason", 500), follow=follows),
        f"{version[:8]} is in force. Runs that have begun go on with theirs.",
    )


def backtest(name: str, version: str) -> BaseResponse:
    page = f"/automations/{name}/versions/{version}"
    return _tried(name, lambda: versioning.backtest(here(), name, version, field("since", 10)), "The back-test has begun.", page)


def _tried(name: str, what: Callable[[], object], sentence: str, page: str | None = None) -> BaseResponse:
    usual = page or f"/automations/{name}"
    try:
        what()
    except ConfigError as error:
        return refused(usual, error)
    return done(usual, sentence)


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


VIEWS = {
    "automations.list": list_, "automations.show": show, "automations.pause": pause, "automations.resume": resume,
    "automations.version": version, "automations.diff": diff, "automations.hold": hold, "automations.follow": follow,
    "automations.activate": activate, "automations.start": start, "automations.backtest": backtest,
}  # fmt: skip
