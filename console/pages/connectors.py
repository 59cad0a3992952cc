"""Connections: how each is, what it validated to, its hooks, quota and projects; paused, validated, removed."""

from __future__ import annotations

from flask import Response, redirect, render_template
from werkzeug.wrappers import Response as BaseResponse

from config.errors import ConfigError, TiebackError
from console.pages.parts import done, download, field, here, pause_s, refused, say
from console.verbs import connected, hooking, parting, proving, repairing, spending
from console.verbs.at_hand import NotThere

PAGE = "/connectors"
MOST_LOOKS = 5


def list_() -> str:
    return render_template("connectors/list.html", connectors=connected.listed(here()))


def show(name: str) -> str:
    found = connected.shown(here(), name)
    about = connected.around(here(), name)
    return render_template(
        "connectors/show.html", one=found, hooks=hooking.listed(here(), name), quota=spending.windows(here(), name),
        history=connected.history(here(), name), looks=repairing.listed(here(), name, MOST_LOOKS), **about,
    )  # fmt: skip


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
        hooking.in_a_request(here(), name, "apply")
        planned, made, rows = hooking.apply(here(), name)
    except TiebackError as error:
        return refused(_page(name), error)
    troubles = [*planned.problems.values(), *(one.error for one in made if one.error)]
    say(*(troubles or [f"{len(rows)} changes made at Procore." if rows else "The hooks are as the automations need them."]),
        tone="bad" if troubles else "good")  # fmt: skip
    return redirect(_page(name), 303)


def rotate(name: str) -> BaseResponse:
    try:
        hooking.in_a_request(here(), name, "rotate")
        planned, made, whole = hooking.rotate(here(), name, at_once=field("at_once", 3) == "yes")
    except NotThere:
        raise
    except TiebackError as error:
        return refused(_page(name), error)
    troubles = [*planned.problems.values(), *(one.error for one in made if one.error)]
    written = sum(one.written for one in made)
    told = f"The new secret was written to {written} hook{'' if written == 1 else 's'}. " + (
        "The old one ends." if whole else "Other hooks do not have it yet: the old one stays valid. Rotate again."
    )
    say(*(troubles or [told]), tone="bad" if troubles else "good")
    return redirect(_page(name), 303)


def repair(name: str) -> BaseResponse:
    try:
        looks = repairing.ask(here(), name, sweep=field("sweep", 3) == "yes", ids=field("ids", 3) == "yes")
    except NotThere:
        raise
    except ConfigError as error:
        return refused(_page(name), error)
    return done(_page(name), f"A worker looks for {' and '.join(looks)} within seconds; each look is a line below.")


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
    "connectors.validate": validate, "connectors.hooks": hooks, "connectors.rotate": rotate, "connectors.repair": repair,
    "connectors.export": export, "connectors.remove": remove,
}  # fmt: skip
