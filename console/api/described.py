"""What each route of the API takes and gives: read by the views, which refuse what is not here, and by the OpenAPI document."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from console.verbs import fitting
from console.verbs.fitting import Choices

Reason = Annotated[str, Field(max_length=500, description="Why, for those who look later.")]
Moment = dt.datetime | None


class Wish(BaseModel):
    """A body that was sent. A field that is not named here is refused, never ignored."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Nothing(Wish):
    """No field at all."""


class WithReason(Wish):
    reason: Reason = ""


class Pause(Wish):
    reason: Annotated[str, Field(min_length=1, max_length=500, description="Why, for whoever finds it paused.")]
    hours: Annotated[float, Field(gt=0, le=336, description="It ends by itself after so many hours.")] | None = None


class Retry(Wish):
    through: Annotated[bool, Field(description="Also while its lane or connector is paused, and a waiting one: a test.")] = False


class Settle(Wish):
    outcome: Literal["applied", "not applied", "give up"]
    note: Annotated[str, Field(max_length=1000, description="What was seen at the far end.")] = ""


class Answer(Wish):
    choice: Annotated[str, Field(min_length=1, max_length=100, description="One of the question's choices.")]
    note: Annotated[str, Field(max_length=1000)] = ""


class Acknowledge(Wish):
    note: Annotated[str, Field(max_length=1000)] = ""


class Hold(Wish):
    reason: Annotated[str, Field(min_length=1, max_length=500, description="Why, for whoever finds it so.")]


class Given(BaseModel):
    """What is answered; more fields may come."""

    model_config = ConfigDict(extra="allow")


class Run(Given):
    id: int
    automation: str
    state: str
    stage: str
    connector: str
    lane: str
    event_id: int
    reason: str | None
    error: dict[str, Any] | None
    created_at: dt.datetime
    started_at: Moment
    finished_at: Moment


class Event(Given):
    id: int
    connector: str
    state: str
    source: str
    action: str
    resource_name: str
    resource_id: str
    reason: str | None
    created_at: dt.datetime


class Delivery(Given):
    id: int
    connector: str
    state: str
    reason: str | None
    received_at: dt.datetime


class Effect(Given):
    id: int
    state: str
    policy: str
    target: str
    summary: str
    run_id: int


class Failure(Given):
    cause: str
    kind: str
    message: str
    state: str
    count: int
    automations: dict[str, int]
    first: dt.datetime
    last: dt.datetime


class Connector(Given):
    name: str
    state: str
    environment: str | None
    company_id: str | None
    version: int


class Automation(Given):
    name: str
    state: str
    stage: str | None
    version: str | None


class Import(Given):
    id: int
    connector: str
    state: str
    mode: str


class Repair(Given):
    id: int
    connector: str
    kind: str
    found: int
    repaired: int
    unrepairable: int


class AuditRow(Given):
    id: int
    at: dt.datetime
    actor: str
    verb: str
    subject: str


class Overview(Given):
    verdict: dict[str, Any]
    lanes: list[dict[str, Any]]
    connectors: list[dict[str, Any]]
    workers: list[dict[str, Any]]


class Question(Given):
    id: int
    run_id: int
    automation: str
    question: str
    choices: list[str]
    state: str
    choice: str | None


class Alert(Given):
    id: int
    kind: str
    subject: str
    message: str
    severity: str
    runbook: str | None
    type: str | None
    told: list[str]
    state: str
    since: dt.datetime
    times: int
    resolved_at: dt.datetime | None
    acked_by: str | None
    acked_at: dt.datetime | None
    note: str | None


class Done(Given):
    """What was asked for is done."""

    done: bool


@dataclass(frozen=True)
class Described:
    """`listed` True: a page of such items with the cursor of the next one. `choices` names all that a filter may say."""

    summary: str
    gives: type[Given]
    listed: bool = False
    takes: type[Wish] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    choices: Choices = field(default_factory=dict)


_ABOUT = {"connector": "Only of this connector.", "state": "Only in this state."}
_RECORD = {"resource": "Only about this resource, such as RFIs.", "record": "Only about the record of this id.",
           "project": "Only of this project.", "since": "Only so far back, such as 6h or 7d."}  # fmt: skip

DESCRIBED: Mapping[str, Described] = {
    "api.overview": Described("Is all well, and if not, why", Overview),
    "api.runs": Described("Runs, newest first", Run, True, query={
        **_ABOUT, **_RECORD, "automation": "Only of this automation.", "lane": "Only of this lane.",
        "cause": "Only failed for this cause.", "operation": "Only those that this operation made due.",
        "text": "Only with these words in error or reason."}, choices=fitting.RUNS),
    "api.run": Described("One run with its whole story", Run),
    "api.run_retry": Described("Try a failed, parked or cancelled run again", Done, takes=Retry),
    "api.run_cancel": Described("End a waiting or parked run", Done, takes=WithReason),
    "api.events": Described("Events, newest first", Event, True, query={
        **_ABOUT, **_RECORD, "source": "Only from this source.", "text": "Only with these words in what was sent."},
                            choices=fitting.EVENTS),
    "api.event": Described("One event, and why each automation did or did not run", Event),
    "api.deliveries": Described("Deliveries, newest first", Delivery, True, query=_ABOUT,
                                choices=fitting.DELIVERIES),
    "api.failures": Described("Failures of the last week by cause", Failure, True),
    "api.effects": Described("The ledger of effects, newest first", Effect, True, query={
        "state": _ABOUT["state"], "automation": "Only of this automation."}, choices=fitting.EFFECTS),
    "api.effect_settle": Described("Say whether an uncertain effect arrived", Done, takes=Settle),
    "api.approvals": Described("Questions of runs, newest first", Question, True, query={"state": _ABOUT["state"]},
                               choices=fitting.APPROVALS),
    "api.approval_answer": Described("Answer a question", Done, takes=Answer),
    "api.alerts": Described("What is not as it should be, newest first", Alert, True, query={"state": _ABOUT["state"]},
                            choices=fitting.ALERTS),
    "api.alert_ack": Described("Say that somebody looks after an alert", Done, takes=Acknowledge),
    "api.changes_hold": Described("Hold every change outside back", Done, takes=Hold),
    "api.changes_resume": Described("Let changes go out again", Done, takes=Nothing),
    "api.connectors": Described("Connectors", Connector, True),
    "api.connector": Described("One connector with its definition and verdict", Connector),
    "api.connector_pause": Described("Pause a connector", Done, takes=Pause),
    "api.connector_resume": Described("Resume a connector", Done, takes=Nothing),
    "api.automations": Described("Automations with the version in force", Automation, True),
    "api.automation_pause": Described("Pause an automation", Done, takes=Pause),
    "api.automation_resume": Described("Resume an automation", Done, takes=Nothing),
    "api.imports": Described("Imports, newest first", Import, True, query=_ABOUT, choices=fitting.IMPORTS),
    "api.repairs": Described("Looks for what webhooks missed, newest first", Repair, True, query={
        "connector": _ABOUT["connector"]}),
    "api.audit": Described("Who changed what, newest first", AuditRow, True, query={
        "actor": "A part of who did it.", "verb": "A part of what was done.", "subject": "A part of what it was about."}),
}  # fmt: skip
