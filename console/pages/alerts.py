"""What is not as it should be, and who looks after it."""

from __future__ import annotations

from flask import render_template
from werkzeug.wrappers import Response as BaseResponse

from config.errors import ConfigError
from console.pages.parts import asked, done, field, here, refused
from console.verbs import alerting

PAGE = "/alerts"
MOST = 200
STATES = ("open", "resolved")


def list_() -> str:
    state = asked("state")
    return render_template("alerts/list.html", alerts=alerting.listed(here(), MOST, state), state_=state, states=STATES)


def ack(id: int) -> BaseResponse:
    try:
        alerting.ack(here(), id, field("note", 1000))
    except ConfigError as error:
        return refused(PAGE, error)
    return done(PAGE, f"Alert {id} is acknowledged.")


VIEWS = {"alerts.list": list_, "alerts.ack": ack}
