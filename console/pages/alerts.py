"""What is not as it should be, and who looks after it."""

from __future__ import annotations

from werkzeug.wrappers import Response as BaseResponse

from config.errors import ConfigError
from console.pages.parts import asked, done, drawn, field, here, refused, sought
from console.verbs import alerting, fitting

PAGE = "/alerts"
MOST = 200


def list_() -> tuple[str, int]:
    state = asked("state")
    found, unfit = sought(lambda: alerting.listed(here(), MOST, state))
    return drawn("alerts/list.html", unfit, alerts=found, state_=state, states=fitting.ALERTS["state"])


def ack(id: int) -> BaseResponse:
    try:
        alerting.ack(here(), id, field("note", 1000))
    except ConfigError as error:
        return refused(PAGE, error)
    return done(PAGE, f"Alert {id} is acknowledged.")


VIEWS = {"alerts.list": list_, "alerts.ack": ack}
