"""An automation as it is written: the shapes of format 1 that this version reads.

The words of format 1 that it does not read yet are listed beside them, so that each is refused by name.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from automations.durations import seconds
from automations.tokens import KEYWORDS

LATER_KEYS = frozenset({"flow", "on_error", "finally", "expect", "tests"})
LATER_TRIGGERS = frozenset({"schedule", "sweep", "run"})
TRIGGERS = ("webhook", "config", "inbound", "manual")
LATER_TRIGGER_KEYS = frozenset({"where", "hold", "repeat"})
LATER_STEP_KEYS = frozenset({"foreach", "parallel"})
LATER_LIMITS = frozenset({"api_share", "events"})
LATER_ACTIONS = frozenset(
    [
        "procore.import",
        "procore.upload",
        "procore.download",
        "procore.check_deliveries",
        "procore.plan_hooks",
        "procore.apply_hooks",
        "file.csv",
        "file.xlsx",
        "file.parquet",
        "file.json",
        "file.fixed",
        "file.mirror",
        "file.ics",
        "wait.for",
        "wait.until",
        "ask.approve",
        "run.start",
        "rules.check",
    ]
)

_ID = re.compile(r"[a-z][a-z0-9_-]{0,79}\Z")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")


def complain(code: str, message: str) -> PydanticCustomError:
    """An error that keeps its own TB code on its way through pydantic."""
    return PydanticCustomError(code, "{message}", {"message": message})


def _id(value: Any) -> Any:
    if not isinstance(value, str) or not _ID.match(value):
        raise complain("TB108", f'"{value}" is no id: lower-case letters, digits, - and _, beginning with a letter')
    return value


def name(value: Any) -> Any:
    """An id that expressions use. Raises: PydanticCustomError TB108."""
    if not isinstance(value, str) or not _NAME.match(value):
        raise complain("TB108", f'"{value}" is no id here: lower-case letters, digits and _, beginning with a letter')
    if value in KEYWORDS:
        raise complain("TB108", f'"{value}" is a word of CEL and cannot be an id; write "{value}_"')
    return value


def _duration(value: Any) -> float:
    try:
        return seconds(value)
    except ValueError as error:
        raise complain("TB113", str(error)) from None


def _lines(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _one_or_more(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


# The input types are what editors are told (JSON Schema); the validators say it better to people.
_DurationText = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)$", json_schema_extra={"format": "duration"})]
Duration = Annotated[float, BeforeValidator(_duration, json_schema_input_type=_DurationText)]
Id = Annotated[str, BeforeValidator(_id, json_schema_input_type=Annotated[str, Field(pattern="^[a-z][a-z0-9_-]{0,79}$")])]
Name = Annotated[str, BeforeValidator(name, json_schema_input_type=Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,62}$")])]
Lines = Annotated[list[str], BeforeValidator(_lines, json_schema_input_type=str | list[str])]
Values = Annotated[list[Any], BeforeValidator(_one_or_more, json_schema_input_type=Any)]


class Strict(BaseModel):
    """Nothing is converted and nothing unknown is let through."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True, use_attribute_docstrings=True)


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
    config: Config | None = None
    inbound: Inbound | None = None
    manual: Manual | None = None
    field: str | None = None
    from_: Annotated[Values | None, Field(alias="from")] = None
    to: Values | None = None


class Retry(Strict):
    """`first` and `max` are in seconds."""

    attempts: Annotated[int, Field(ge=1, le=100)] = 5
    backoff: Literal["fixed", "exponential"] = "exponential"
    first: Duration = 5.0
    max: Duration = 900.0
    only: Annotated[list[str], Field(min_length=1)] | None = None


class Limits(Strict):
    timeout: Duration = 600.0
    api_calls: Annotated[int, Field(ge=1, le=1_000_000)] = 100


class Step(Strict):
    id: Name | None = None
    use: str
    with_: Annotated[dict[str, Any], Field(alias="with")] = {}
    if_: Annotated[Lines, Field(alias="if")] = []
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
    limits: Limits = Limits()
    retry: Retry | None = None
    do: Annotated[list[Step], Field(min_length=1)]
