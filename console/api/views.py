"""The views of the API. Each asks a verb and gives what it says as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from flask import Response, request
from pydantic import ValidationError

from config.hiding import scrub
from console.api.described import (
    DESCRIBED,
    Acknowledge,
    Answer,
    Hold,
    Nothing,
    PauseAutomation,
    PauseLane,
    Settle,
    Wish,
    WithReason,
)
from console.api.openapi import document
from console.cli.output import as_json_value
from console.faults import Fault
from console.pages.parts import here
from console.verbs import (
    alerting,
    approving,
    auditing,
    connected,
    failing,
    holding,
    importing,
    looking,
    overviewing,
    repairing,
    ruling,
    running,
    scheduling,
    settling,
    showing,
    switching,
)

W = TypeVar("W", bound=Wish)
Json = dict[str, Any]
MOST = 200


def given(value: Any) -> Response:
    return Response(scrub(json.dumps(as_json_value(value), ensure_ascii=False)), content_type="application/json")


def wish(model: type[W]) -> W:
    """The body that was sent, checked; an empty one has no field. Raises: Fault naming the fields."""
    raw = request.get_data()
    if raw and request.mimetype != "application/json":
        raise Fault("not-acceptable")
    try:
        return model.model_validate_json(raw or b"{}")
    except ValidationError as error:
        fields = [{"field": ".".join(map(str, one["loc"])) or "body", "message": one["msg"]} for one in error.errors()]
        raise Fault("unfit", fields=fields) from None


def asked(endpoint: str) -> Json:
    """The filters that were given. Raises: Fault for one that this route does not have."""
    said = DESCRIBED[endpoint]
    known = {*said.query, *(("limit", "cursor") if said.listed else ())}
    strange = [{"field": name, "message": "there is no such parameter"} for name in request.args if name not in known]
    if strange:
        raise Fault("unfit", fields=strange)
    found: Json = {name: request.args[name][:400] for name in said.query if request.args.get(name) and name != "since"}
    if "since" in said.query and request.args.get("since"):
        found["hours"] = looking.hours(request.args["since"])
    return found


def _number(name: str, usual: int | None, most: int) -> int | None:
    text = request.args.get(name)
    if text is None:
        return usual
    if not (text.isascii() and text.isdigit() and len(text) <= 18 and 1 <= int(text) <= most):
        raise Fault("unfit", fields=[{"field": name, "message": f"a whole number from 1 to {most}"}])
    return int(text)


def _limit() -> int:
    return _number("limit", 50, MOST) or 50


def _cursor() -> int | None:
    return _number("cursor", None, 10**18 - 1)


def paged(rows: list[Json], limit: int) -> Response:
    """Rows of which one more than a page was asked for."""
    shown = rows[:limit]
    return given({"items": shown, "next": str(shown[-1]["id"]) if len(rows) > limit else None})


def whole(rows: Iterable[Any]) -> Response:
    """Lists that are short: the cursor is how many were given so far."""
    rows, limit, start = list(rows), _limit(), _cursor() or 0
    end = start + limit
    return given({"items": rows[start:end], "next": str(end) if end < len(rows) else None})


def _listing(endpoint: str, find: Callable[..., list[Json]]) -> Callable[[], Response]:
    def view() -> Response:
        filters, limit = asked(endpoint), _limit()
        return paged(find(here(), limit + 1, _cursor(), **filters), limit)

    return view


def overview() -> Response:
    asked("api.overview")
    found = overviewing.overview(here())
    return given({name: value for name, value in found.items() if name != "plots"})


def run(id: int) -> Response:
    return given(showing.run(here(), id))


def run_retry(id: int) -> Response:
    wish(Nothing)
    running.retry(here(), id)
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


def schedules() -> Response:
    asked("api.schedules")
    return whole(scheduling.listed(here()))


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
    connected.set_state(here(), name, "paused", wish(WithReason).reason or None)
    return given({"done": True, "connector": name})


def connector_resume(name: str) -> Response:
    wish(Nothing)
    connected.set_state(here(), name, "active", None)
    return given({"done": True, "connector": name})


def automations() -> Response:
    asked("api.automations")
    return whole(ruling.listed(here()))


def automation_pause(name: str) -> Response:
    switching.pause_automation(here(), name, wish(PauseAutomation).reason)
    return given({"done": True, "automation": name})


def automation_resume(name: str) -> Response:
    wish(Nothing)
    switching.resume_automation(here(), name)
    return given({"done": True, "automation": name})


def queues() -> Response:
    asked("api.queues")
    return whole(holding.lanes(here()))


def queue_pause(lane: str) -> Response:
    wanted = wish(PauseLane)
    holding.pause_lane(here(), lane, wanted.reason, wanted.hours)
    return given({"done": True, "lane": lane})


def queue_resume(lane: str) -> Response:
    wish(Nothing)
    holding.resume_lane(here(), lane)
    return given({"done": True, "lane": lane})


def imports() -> Response:
    filters = asked("api.imports")
    return whole(importing.listed(here(), 1000, filters.get("connector"), filters.get("state")))


def repairs() -> Response:
    name = asked("api.repairs").get("connector")
    if name is not None:
        connected.existing(here(), name)
    return whole(repairing.listed(here(), name, 1000))


def openapi() -> Response:
    return given(document())


VIEWS: dict[str, Callable[..., Response]] = {
    "api.openapi": openapi, "api.overview": overview, "api.runs": _listing("api.runs", looking.runs), "api.run": run,
    "api.run_retry": run_retry, "api.run_cancel": run_cancel, "api.events": _listing("api.events", looking.events),
    "api.event": event, "api.deliveries": _listing("api.deliveries", looking.deliveries), "api.failures": failures,
    "api.effects": _listing("api.effects", looking.effects), "api.approvals": _listing("api.approvals", approving.listed),
    "api.approval_answer": approval_answer, "api.alerts": alerts, "api.alert_ack": alert_ack, "api.schedules": schedules,
    "api.changes_hold": changes_hold, "api.changes_resume": changes_resume, "api.effect_settle": effect_settle,
    "api.connectors": connectors,
    "api.connector": connector, "api.connector_pause": connector_pause, "api.connector_resume": connector_resume,
    "api.automations": automations, "api.automation_pause": automation_pause, "api.automation_resume": automation_resume,
    "api.queues": queues, "api.queue_pause": queue_pause, "api.queue_resume": queue_resume, "api.imports": imports,
    "api.repairs": repairs, "api.audit": _listing("api.audit", auditing.found),
}  # fmt: skip
