"""Connections: how each is, what it validated to, its hooks, quota and projects; paused, validated, removed."""

from __future__ import annotations

from flask import Response, redirect, render_template
from werkzeug.wrappers import Response as BaseResponse

from config.errors import ConfigError, TiebackError
from console.pages.parts import done, download, field, here, pause_s, refused, say
from console.verbs import connected, hooking, parting, proving, spending
from console.verbs.at_hand import NotThere

PAGE = "/connectors"


def list_() -> str:
    return render_template("connectors/list.html", connectors=connected.listed(here()))


def show(name: str) -> str:
    found = connected.shown(here(), name)
    about = connected.around(here(), name)
    return render_template(
        "connectors/show.html", one=found, hooks=hooking.listed(here(), name), quota=spending.windows(here(), name), **about
    )


def _page(name: str) -> str:
    return f"{PAGE}/{name}"


def pause(name: str) -> BaseResponse:
    try:
        connected.pause(here(), name, field("reason", 500), pause_s())
    except NotThere:
        raise
    except ConfigError as error:
        return refused(_page(name), error)
    return done(_page(name), f"{name} is paused: what arrives is kept, nothing is called.")


def resume(name: str) -> BaseResponse:
    try:
        connected.resume(here(), name)
    except NotThere:
        raise
    except ConfigError as error:
        return refused(_page(name), error)
    return done(_page(name), f"{name} goes on; it is validated soon.")


def validate(name: str) -> BaseResponse:
    try:
        checks = proving.validate(here(), name)
    except NotThere:
        raise
    except TiebackError as error:
        return refused(_page(name), error)
    wrong = sum(check.state == "wrong" for check in checks)
    say(f"{wrong} of {len(checks)} checks are wrong." if wrong else "No check is wrong.", tone="bad" if wrong else "good")
    return redirect(_page(name), 303)


def hooks(name: str) -> BaseResponse:
    connected.existing(here(), name)
    try:
        planned, made, rows = hooking.apply(here(), name)
    except TiebackError as error:
        return refused(_page(name), error)
    troubles = [*planned.problems.values(), *(one.error for one in made if one.error)]
    say(*(troubles or [f"{len(rows)} changes made at Procore." if rows else "The hooks are as the automations need them."]),
        tone="bad" if troubles else "good")  # fmt: skip
    return redirect(_page(name), 303)


def export(name: str) -> Response:
    return download(connected.exported(here(), name), f"{name}.yaml", "application/yaml; charset=utf-8")


def remove(name: str) -> BaseResponse:
    """What cannot be undone is typed, not clicked."""
    connected.existing(here(), name)
    if field("confirm", 80) != name:
        return refused(
            _page(name), ConfigError(f"to remove it, type its name: {name}. {parting.references(here(), name).sentence()}")
        )
    try:
        left = parting.remove(here(), name)
    except TiebackError as error:
        return refused(_page(name), error)
    say(f"{name} is removed; its rows, runs and events stay.", *left)
    return redirect(PAGE, 303)


VIEWS = {
    "connectors.list": list_, "connectors.show": show, "connectors.pause": pause, "connectors.resume": resume,
    "connectors.validate": validate, "connectors.hooks": hooks, "connectors.export": export, "connectors.remove": remove,
}  # fmt: skip
