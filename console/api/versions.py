"""Versions of automations over the API: what each route takes and gives, and its view."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from flask import Response
from pydantic import Field

from console.api.answering import asked, given, whole, wish
from console.api.described import Automation, Described, Done, Given, Nothing, Wish
from console.faults import Fault
from console.pages.parts import here
from console.verbs import ruling, starting, versioning

Why = Annotated[str, Field(min_length=1, max_length=500, description="Why, for whoever finds it so.")]


class StartRun(Wish):
    record: Annotated[str, Field(max_length=64, description="The record's id, when its manual trigger names a resource.")] = ""
    project: Annotated[str, Field(max_length=64, description="Its project, when no copy of it tells.")] = ""


class HoldVersion(Wish):
    reason: Why


class ActivateVersion(Wish):
    reason: Why
    follow: Annotated[bool, Field(description="What the file says later is put in force by itself.")] = False


class BacktestVersion(Wish):
    since: Annotated[str, Field(max_length=20, description="How far back, such as 30d.")] = "30d"


class OneAutomation(Automation):
    held: dict[str, Any] | None
    offered: str | None
    versions: list[dict[str, Any]]
    cost: dict[str, Any]
    expect: dict[str, Any] | None


class Version(Given):
    version: str
    file: str
    created_at: dt.datetime
    in_force: bool
    offered: bool
    source: str


class VersionDiff(Given):
    changes: list[str]
    diff: list[str]


class VersionTest(Given):
    test: str
    ok: bool
    why: str
    differences: list[dict[str, Any]]


DESCRIBED: Mapping[str, Described] = {
    "api.automation": Described("One automation with its versions, cost in calls and what it expects", OneAutomation),
    "api.automation_diff": Described("What two of its versions differ in", VersionDiff, query={
        "from": "A version, or the beginning of its hash.", "to": "Another one; left out: what is in force."}),
    "api.automation_start": Described("Start it by hand, when it has a manual trigger", Done, takes=StartRun),
    "api.automation_hold": Described("Let what its file says from now on wait", Done, takes=HoldVersion),
    "api.automation_follow": Described("Let its file say again what is in force", Done, takes=Nothing),
    "api.version": Described("One version with its text", Version),
    "api.version_tests": Described("Run the tests that a version brings along", VersionTest, True),
    "api.version_activate": Described("Put a version in force", Done, takes=ActivateVersion),
    "api.version_backtest": Described("Begin a back-test of a version, as an operation", Done, takes=BacktestVersion),
}  # fmt: skip


def automation(name: str) -> Response:
    found = {**ruling.shown(here(), name), **versioning.about(here(), name), "versions": versioning.listed(here(), name)}
    return given({key: value for key, value in found.items() if key not in ("in_force", "source")})


def diff(name: str) -> Response:
    filters = asked(DESCRIBED["api.automation_diff"])
    if "from" not in filters:
        raise Fault("unfit", fields=[{"field": "from", "message": "say which version to begin with"}])
    return given(versioning.difference(here(), name, filters["from"], filters.get("to", versioning.IN_FORCE)))


def start(name: str) -> Response:
    wanted = wish(StartRun)
    return given({"done": True, "run": starting.start(here(), name, wanted.record or None, wanted.project or None)})


def hold(name: str) -> Response:
    return given({"done": True, "version": versioning.hold(here(), name, wish(HoldVersion).reason)})


def follow(name: str) -> Response:
    wish(Nothing)
    return given({"done": True, "version": versioning.follow(here(), name)})


def version(name: str, version: str) -> Response:
    return given(versioning.shown(here(), name, version))


def tests(name: str, version: str) -> Response:
    asked(DESCRIBED["api.version_tests"])
    return whole(versioning.tested(here(), name, version))


def activate(name: str, version: str) -> Response:
    wanted = wish(ActivateVersion)
    return given({"done": True, "version": versioning.activate(here(), name, version, wanted.reason, follow=wanted.follow)})


def backtest(name: str, version: str) -> Response:
    return given({"done": True, "operation": versioning.backtest(here(), name, version, wish(BacktestVersion).since)})


VIEWS: dict[str, Callable[..., Response]] = {
    "api.automation": automation, "api.automation_diff": diff, "api.automation_start": start, "api.automation_hold": hold,
    "api.automation_follow": follow, "api.version": version, "api.version_tests": tests, "api.version_activate": activate,
    "api.version_backtest": backtest,
}  # fmt: skip
