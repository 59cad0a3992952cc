"""A `tests:` entry as it is written: what is given, and what is expected of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from automations.spelling import Duration, Id, Name, Strict, complain

MOST_THEN = 100


def _text_of_id(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _moment(value: Any) -> Any:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise complain("TB113", f'"{value}" is no moment; write one in quotes such as "2026-03-20T12:00:00Z"')
    return found.astimezone(UTC)


def _answers(value: Any) -> Any:
    return [_answer(one) for one in value] if isinstance(value, list) else [_answer(value)]


def _answer(value: Any) -> Any:
    return {"choice": value} if isinstance(value, str) else value


def _step(value: Any) -> Any:
    return {"status": value} if isinstance(value, str) else value


def _rows(value: Any) -> Any:
    return {"count": value} if isinstance(value, int) else {"with": value} if isinstance(value, list) else value


def _messages(value: Any) -> Any:
    return [{"contains": one} if isinstance(one, str) else one for one in (value if isinstance(value, list) else [value])]


RecordId = Annotated[str, BeforeValidator(_text_of_id, json_schema_input_type=str | int)]
_MomentText = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Moment = Annotated[datetime, BeforeValidator(_moment, json_schema_input_type=_MomentText)]
Record = dict[str, Any]


class Webhook(Strict):
    """What Procore tells of. Without `connector:` it is that of the trigger which listens to the resource."""

    resource: str
    action: Literal["create", "update", "delete"] = "update"
    resource_id: RecordId | None = None
    """the id of `record:` when not given"""
    connector: str | None = None
    project_id: RecordId = "1"
    company_id: RecordId = "1"
    user_id: RecordId = ""
    timestamp: Moment | None = None


class Timed(Strict):
    """A schedule or sweep that is due now, and from then on at its times."""

    trigger: str | None = None
    """the id of the trigger, when the automation has several of the kind"""
    project_id: RecordId = ""


class Config(Strict):
    kind: str
    name: str = ""
    """what was changed, such as the connector's name"""


class Inbound(Strict):
    source: Name
    body: Any = None


class RunEnded(Strict):
    automation: Id
    status: Literal["ok", "failed", "skipped", "cancelled", "parked"] = "ok"


class Manual(Strict):
    """A person starts it."""

    body: Any = None
    resource_id: RecordId | None = None
    project_id: RecordId = "1"


class Answer(Strict):
    """What the far end says to a step. An `error` is raised instead: its kind, such as timeout, http_503 or http_404."""

    status: int = 200
    json_: Annotated[Any, Field(alias="json")] = None
    text: str = ""
    headers: dict[str, str] = {}
    record: Record | None = None
    records: list[Record] | None = None
    output: Any = None
    """the step's output; its action is not run at all"""
    error: str | None = None
    message: str = ""
    choice: str | None = None
    """what a person answers to `ask.approve`"""
    by: str = "test:somebody"
    note: str = ""


Answers = dict[str, Annotated[list[Answer], BeforeValidator(_answers, json_schema_input_type=Any), Field(min_length=1)]]


class Happens(Strict):
    """Something that happens: at most one of these."""

    webhook: Webhook | None = None
    schedule: Timed | None = None
    sweep: Timed | None = None
    config: Config | None = None
    inbound: Inbound | None = None
    run: RunEnded | None = None
    manual: Manual | None = None
    record: Record | None = None
    """the record as it is now; what the automation names and this leaves out is filled in"""
    previous: Record | None = None
    """where the copy before differs from `record:`"""
    records: list[Record] = []
    """our stored copies, for sweeps and `wait.until`"""
    answers: Answers = {}
    """what steps are answered, by their id: the first call the first one, and the last one from then on"""


class Then(Happens):
    """What happens later. With nothing but `after:` time passes."""

    after: Duration | None = None
    """since the moment before"""
    at: Moment | None = None


class Given(Happens):
    now: Moment = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
    today: Moment | None = None
    """the date that it is; that of `timezone:` when not given"""
    timezone: str = "UTC"
    """where the project is"""
    events: list[Webhook] = []
    """several webhooks at the same moment, in this order"""
    lookups: dict[Name, list[Record]] = {}
    """in place of the site's tables of these names"""
    tables: dict[Name, list[Record]] = {}
    """rows that `db.query` and `db.snapshot` find"""
    then: Annotated[list[Then], Field(max_length=MOST_THEN)] = []


class StepSaid(Strict):
    status: Literal["ok", "failed", "skipped", "waiting", "uncertain"] | None = None
    output: Any = None
    """a mapping names only what matters of it"""


class Rows(Strict):
    count: int | None = None
    with_: Annotated[list[Record] | None, Field(alias="with")] = None
    """each of these is among the rows; it names only what matters"""


class Said(Strict):
    contains: str
    to: str | None = None


class Expect(Strict):
    trigger: str | None = None
    fired: bool | None = None
    """a run went on to its steps"""
    because: str | None = None
    """part of the reason why nothing happened, as `rules explain` says it"""
    runs: int | None = None
    """how many went on to their steps"""
    state: Literal["ok", "failed", "skipped", "waiting", "cancelled", "parked"] | None = None
    """of the last run"""
    steps: dict[Name, Annotated[StepSaid, BeforeValidator(_step, json_schema_input_type=Any)]] = {}
    calls: dict[str, Annotated[int, Field(ge=0)]] = {}
    """how many calls each action made; to three destinations are three"""
    rows: dict[Name, Annotated[Rows, BeforeValidator(_rows, json_schema_input_type=Any)]] = {}
    """rows written, by table: how many, or what is among them"""
    deleted: dict[Name, Annotated[int, Field(ge=0)]] = {}
    """rows marked as deleted, by table"""
    messages: Annotated[list[Said] | None, BeforeValidator(_messages, json_schema_input_type=Any)] = None
    """texts that are part of what was said to people"""
    waits: Annotated[bool | str | None, Field(union_mode="left_to_right")] = None
    """whether a run waits, or part of what it waits for"""
    error: str | None = None
    """part of the error of the last run"""


class Test(Strict):
    """One claim of the author about the automation."""

    __test__ = False  # no class for pytest to collect

    name: str
    given: Given
    expect: Expect


def kinds(happens: Happens) -> list[str]:
    """What happens in it."""
    names = ("webhook", "schedule", "sweep", "config", "inbound", "run", "manual")
    return [one for one in names if getattr(happens, one) is not None]
