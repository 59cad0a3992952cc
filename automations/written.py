"""An automation as it is written: the shapes of format 1."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from automations.spelling import Duration as Duration
from automations.spelling import Id as Id
from automations.spelling import Lines as Lines
from automations.spelling import Name as Name
from automations.spelling import Rate as Rate
from automations.spelling import Strict as Strict
from automations.spelling import Values as Values
from automations.spelling import complain as complain
from automations.spelling import is_name as is_name
from automations.spelling import name as name
from automations.spelling import one_or_more
from automations.written_tests import Test

TRIGGERS = ("webhook", "schedule", "sweep", "config", "inbound", "run", "manual")


class Webhook(Strict):
    """A change that Procore tells of.

    ```yaml
    webhook: {connector: acme-prod, resource: RFIs, actions: [create, update]}
    field: status
    to: [open]
    ```
    """

    connector: str
    resource: str
    actions: Annotated[list[Literal["create", "update", "delete"]], Field(min_length=1)] = ["create", "update", "delete"]


class Schedule(Strict):
    """At certain times, read as Debian's cron reads them, also in the weeks of daylight saving.

    ```yaml
    schedule: {cron: "10 2 * * *", timezone: America/Chicago, jitter: 10m, catch_up: one}
    ```
    """

    cron: str | None = None
    """five fields: minute hour day month weekday"""
    at: Values | None = None
    """a time of day such as "07:00", or a list of such"""
    timezone: str = "UTC"
    """an IANA zone, or `project`: once for each project of `connector`, at its own local time"""
    connector: str | None = None
    """the connector that steps without `connector:` use; needed by `timezone: project`"""
    jitter: Duration = 0.0
    """up to so much later, the same for the same time"""
    catch_up: Literal["none", "one", "all"] = "one"
    """what was missed while nothing ran: nothing, the last time, or each of them (at most 100)"""


class Sweep(Strict):
    """Our own copies of a resource are looked through for records that meet `where:`; nothing is asked of Procore.

    ```yaml
    sweep: {connector: acme-prod, resource: RFIs, every: 15m}
    where: record.due_date != null && record.due_date < run.today
    repeat: 3d
    ```
    """

    connector: str
    resource: str
    every: Duration | None = None
    """one of every:, cron: and at:"""
    cron: str | None = None
    """five fields: minute hour day month weekday"""
    at: Values | None = None
    """a time of day such as "07:00", or a list of such"""
    timezone: str = "UTC"
    """an IANA zone, or `project`: each project at its own local time"""
    where: Lines = []
    """may stand beside sweep: as well"""


Ended = Literal["ok", "failed", "skipped", "cancelled", "parked"]


class RunOf(Strict):
    """Another automation has finished.

    ```yaml
    run: {automation: nightly-import, status: [failed, parked]}
    ```
    """

    automation: Annotated[list[Id], BeforeValidator(one_or_more, json_schema_input_type=str | list[str]), Field(min_length=1)]
    status: Annotated[
        list[Ended], BeforeValidator(one_or_more, json_schema_input_type=Ended | list[Ended]), Field(min_length=1)
    ] = ["ok"]


class Manual(Strict):
    """A person starts it; with connector and resource the run is about one record.

    ```yaml
    manual: {connector: acme-prod, resource: RFIs}
    ```
    """

    connector: str | None = None
    resource: str | None = None


class Config(Strict):
    """A change of configuration, made by command line, files or another program.

    ```yaml
    config: {kinds: [connector.*, automations.changed]}
    ```
    """

    kinds: Annotated[list[str], Field(min_length=1)]


class Inbound(Strict):
    """What another system posted to `/inbound/<source>`.

    ```yaml
    inbound: {source: erp}
    ```
    """

    source: Name


class Trigger(Strict):
    id: Name | None = None
    webhook: Webhook | None = None
    schedule: Schedule | None = None
    sweep: Sweep | None = None
    config: Config | None = None
    inbound: Inbound | None = None
    run: RunOf | None = None
    manual: Manual | None = None
    field: str | None = None
    from_: Annotated[Values | None, Field(alias="from")] = None
    to: Values | None = None
    where: Lines = []
    hold: Duration | None = None
    repeat: Duration | None = None


class Retry(Strict):
    """`first` and `max` are in seconds."""

    attempts: Annotated[int, Field(ge=1, le=100)] = 5
    backoff: Literal["fixed", "exponential"] = "exponential"
    first: Duration = 5.0
    max: Duration = 900.0
    only: Annotated[list[str], Field(min_length=1)] | None = None


class Limits(Strict):
    """`timeout` is working time of one attempt; `events` the most that one run may gather."""

    timeout: Duration = 600.0
    api_calls: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    api_share: str | None = None
    events: Annotated[int, Field(ge=1, le=10_000)] = 1000
    writes: Rate | None = None
    deletes: Rate | None = None


class Coalesce(Strict):
    """Events with the same key become one run."""

    key: str
    quiet: Duration
    max_wait: Duration | None = None
    max_events: Annotated[int, Field(ge=1, le=10_000)] | None = None
    keep: Literal["last", "first", "all"] = "last"


class Overlap(Strict):
    """What a run does while another one of the same key is under way."""

    key: str | None = None
    policy: Literal["queue", "latest", "skip", "replace", "parallel"] = "queue"
    limit: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class Throttle(Strict):
    """How many runs of the same key may go on within a time."""

    key: str | None = None
    rate: Rate
    over: Literal["skip", "wait", "digest"] = "skip"


class Flow(Strict):
    coalesce: Coalesce | None = None
    overlap: Overlap | None = None
    throttle: Throttle | None = None


class Expect(Strict):
    """Silence and lag that nobody should overlook: an alert when no run was ok for so long, or 19 in 20 began later."""

    success_every: Duration | None = None
    lag_p95: Duration | None = None


class Step(Strict):
    id: Name | None = None
    use: str
    with_: Annotated[dict[str, Any], Field(alias="with")] = {}
    if_: Annotated[Lines, Field(alias="if")] = []
    foreach: str | list[Any] | None = None
    parallel: Annotated[int, Field(ge=1, le=16)] = 1
    timeout: Duration | None = None
    retry: Retry | None = None
    on_error: Literal["continue", "stop"] = "stop"


class Automation(Strict):
    format: Literal[1]
    id: Id
    title: str = ""
    owner: str = ""
    runbook: str = ""
    labels: dict[str, str] = {}
    stage: Literal["off", "shadow", "live"] = "shadow"
    vars: dict[Name, Any] = {}
    when: Annotated[list[Trigger], Field(min_length=1)]
    if_: Annotated[Lines, Field(alias="if")] = []
    flow: Flow = Flow()
    limits: Limits = Limits()
    retry: Retry | None = None
    do: Annotated[list[Step], Field(min_length=1)]
    on_error: list[Step] = []
    finally_: Annotated[list[Step], Field(alias="finally")] = []
    expect: Expect = Expect()
    tests: list[Test] = []
