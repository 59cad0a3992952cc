"""The views of the API. Each asks a verb and gives what it says as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response

from console.api import answering
from console.api.answering import cursor_asked, given, limit_asked, paged, seconds, whole, wish
from console.api.described import (
    DESCRIBED,
    Acknowledge,
    Answer,
    Hold,
    Nothing,
    Pause,
    Retry,
    Settle,
    WithReason,
)
from console.pages.parts import here
from console.verbs import (
    alerting,
    approving,
    auditing,
    connected,
    failing,
    importing,
    looking,
    overviewing,
    repairing,
    ruling,
    running,
    settling,
    showing,
    switching,
)

Json = dict[str, Any]


def asked(endpoint: str) -> Json:
    return answering.asked(DESCRIBED[endpoint])


def _listing(endpoint: str, find: Callable[..., list[Json]]) -> Callable[[], Response]:
    def view() -> Response:
        filters, limit = asked(endpoint), limit_asked()
        return paged(find(here(), limit + 1, cursor_asked(), **filters), limit)

    return view


def overview() -> Response:
    asked("api.overview")
    found = overviewing.overview(here())
    return given({name: value for name, value in found.items() if name != "plots"})


def run(id: int) -> Response:
    return given(showing.run(here(), id))


def run_retry(id: int) -> Response:
    running.retry(here(), id, through=wish(Retry).through)
    return given({"done": True, "run": id})


def run_cancel(id: int) -> Response:
    running.cancel(here(), id, wish(WithReason).reason or "cancelled by hand")
    return given({"done": True, "run": id})


def event(id: int) -> Response:
    return given(showing.event(here(), id))


def failures() -> Response:
    asked("api.failures")
    return whole(failing.groups(here()))


def effect_settle(id: int) -> Response:
    wanted = wish(Settle)
    return given({"done": True, "effect": id, "became": settling.settle(here(), id, wanted.outcome, wanted.note)})


def approval_answer(id: int) -> Response:
    wanted = wish(Answer)
    return given({"done": True, "question": id, "choice": approving.answer(here(), id, wanted.choice, wanted.note)})


def alerts() -> Response:
    return whole(alerting.listed(here(), 1000, asked("api.alerts").get("state")))


def alert_ack(id: int) -> Response:
    alerting.ack(here(), id, wish(Acknowledge).note)
    return given({"done": True, "alert": id})


def changes_hold() -> Response:
    switching.pause_effects(here(), wish(Hold).reason)
    return given({"done": True})


def changes_resume() -> Response:
    wish(Nothing)
    return given({"done": True, "runs": switching.resume_effects(here())})


def connectors() -> Response:
    asked("api.connectors")
    return whole(connected.listed(here()))


def connector(name: str) -> Response:
    return given(connected.shown(here(), name))


def connector_pause(name: str) -> Response:
    wanted = wish(Pause)
    connected.pause(here(), name, wanted.reason, seconds(wanted.hours))
    return given({"done": True, "connector": name})


def connector_resume(name: str) -> Response:
    wish(Nothing)
    connected.resume(here(), name)
    return given({"done": True, "connector": name})


def automations() -> Response:
    asked("api.automations")
    return whole(ruling.listed(here()))


def automation_pause(name: str) -> Response:
    wanted = wish(Pause)
    switching.pause_automation(here(), name, wanted.reason, seconds(wanted.hours))
    return given({"done": True, "automation": name})


def automation_resume(name: str) -> Response:
    wish(Nothing)
    switching.resume_automation(here(), name)
    return given({"done": True, "automation": name})


def imports() -> Response:
    filters = asked("api.imports")
    return whole(importing.listed(here(), 1000, filters.get("connector"), filters.get("state")))


def repairs() -> Response:
    name = asked("api.repairs").get("connector")
    if name is not None:
        connected.existing(here(), name)
    return whole(repairing.listed(here(), name, 1000))


VIEWS: dict[str, Callable[..., Response]] = {
    "api.overview": overview, "api.runs": _listing("api.runs", looking.runs), "api.run": run,
    "api.run_retry": run_retry, "api.run_cancel": run_cancel, "api.events": _listing("api.events", looking.events),
    "api.event": event, "api.deliveries": _listing("api.deliveries", looking.deliveries), "api.failures": failures,
    "api.effects": _listing("api.effects", looking.effects), "api.approvals": _listing("api.approvals", approving.listed),
    "api.approval_answer": approval_answer, "api.alerts": alerts, "api.alert_ack": alert_ack,
    "api.changes_hold": changes_hold, "api.changes_resume": changes_resume, "api.effect_settle": effect_settle,
    "api.connectors": connectors,
    "api.connector": connector, "api.connector_pause": connector_pause, "api.connector_resume": connector_resume,
    "api.automations": automations, "api.automation_pause": automation_pause, "api.automation_resume": automation_resume,
    "api.imports": imports,
    "api.repairs": repairs, "api.audit": _listing("api.audit", auditing.found),
}  # fmt: skip
